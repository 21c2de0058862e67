"""Images and artifacts put into a registry by hand, over its HTTP API and nothing of ours."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
EMPTY = "application/vnd.oci.empty.v1+json"
_ACCEPT = ", ".join(
    [
        INDEX,
        MANIFEST,
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)

Json = dict[str, Any]


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def descriptor(media_type: str, data: bytes, **more: Any) -> Json:
    return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}


def tar(files: Mapping[str, bytes]) -> bytes:
    """A layer with these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@dataclass(frozen=True)
class Repository:
    """One repository of a registry at `address`."""

    address: str
    name: str

    def reference(self, tag: str) -> str:
        return f"{self.address}/{self.name}:{tag}"

    def put_blob(self, media_type: str, data: bytes, **more: Any) -> Json:
        """Store a blob; its descriptor."""
        place = self._send("POST", "blobs/uploads/", b"").headers["Location"]
        if place.startswith("/"):
            place = f"http://{self.address}{place}"
        mark = "&" if "?" in place else "?"
        self._send("PUT", f"{place}{mark}digest={digest(data)}", data)
        return descriptor(media_type, data, **more)

    def put(self, document: Json, tag: str = "") -> Json:
        """Store a manifest or index under a tag, else its digest; its descriptor."""
        data = json.dumps(document).encode()
        headers = {"Content-Type": document["mediaType"]}
        self._send("PUT", f"manifests/{tag or digest(data)}", data, headers)
        return descriptor(document["mediaType"], data)

    def get(self, tag: str) -> tuple[str, Json]:
        """The digest of what a tag names, and the document."""
        with self._send("GET", f"manifests/{tag}", None, {"Accept": _ACCEPT}) as answer:
            data = answer.read()
        return digest(data), json.loads(data)

    def _send(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str] | None = None
    ) -> Any:
        url = path if path.startswith("http") else f"http://{self.address}/v2/{self.name}/{path}"
        request = urllib.request.Request(url, data, dict(headers or {}), method=method)
        if data is not None and "Content-Type" not in (headers or {}):
            request.add_header("Content-Type", "application/octet-stream")
        return urllib.request.urlopen(request, timeout=60)

    def image(
        self,
        layers: Sequence[bytes],
        platform: Mapping[str, str] | None = None,
        tag: str = "",
        **config: Any,
    ) -> Json:
        """Store an image of these tars; its descriptor, with the platform."""
        system = dict(platform or {"os": "linux", "architecture": "amd64"})
        document = {
            **system,
            "created": "2024-01-01T00:00:00Z",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        }
        packed = [self.put_blob(LAYER, gzip.compress(layer, 1, mtime=0)) for layer in layers]
        return self.put(self._manifest(json.dumps(document).encode(), packed), tag) | {
            "platform": system
        }

    def _manifest(self, config: bytes, layers: Sequence[Json]) -> Json:
        return {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.put_blob(CONFIG, config),
            "layers": list(layers),
        }

    def windows(self, layer: bytes, foreign: bytes, url: str) -> Json:
        """Store a Windows image whose base layer lies elsewhere; its descriptor."""
        system = {"os": "windows", "architecture": "amd64", "os.version": "10.0.17763.1234"}
        diffs = [digest(foreign), digest(layer)]
        config = {**system, "config": {}, "rootfs": {"type": "layers", "diff_ids": diffs}}
        base = descriptor(FOREIGN, gzip.compress(foreign, 1, mtime=0), urls=[url])
        top = self.put_blob(LAYER, gzip.compress(layer, 1, mtime=0))
        return self.put(self._manifest(json.dumps(config).encode(), [base, top])) | {
            "platform": system
        }

    def artifact(self, payload: bytes, tag: str = "", **annotations: str) -> Json:
        """Store what has a manifest and is no image; its descriptor."""
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": "application/x.recipe",
            "config": self.put_blob(EMPTY, b"{}"),
            "layers": [self.put_blob("text/plain", payload)],
        }
        return self.put(document | ({"annotations": annotations} if annotations else {}), tag)

    def index(self, entries: Sequence[Json], tag: str) -> Json:
        """Store an index under a tag; its descriptor."""
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)}
        return self.put(document, tag)
