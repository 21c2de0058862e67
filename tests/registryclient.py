"""A registry client for tests that says exactly what it sends: plain http.client, no retries."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCTETS = "application/octet-stream"


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """The digest of some bytes."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def descriptor(data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
    """What points at some bytes."""
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


@dataclass(frozen=True)
class Reply:
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as a document."""
        return json.loads(self.body)

    @property
    def codes(self) -> list[str]:
        """The codes of the specification's error document."""
        return [each["code"] for each in self.json["errors"]]

    @property
    def location(self) -> str:
        """Path and query of the Location header, absolute or relative."""
        text = self.headers["location"]
        return "/" + text.partition("://")[2].partition("/")[2] if "://" in text else text


class RegistryClient:
    """One connection to a registry at `address`; `headers` go with every request."""

    def __init__(self, address: str, headers: Mapping[str, str] | None = None) -> None:
        self.address = address
        self.headers = dict(headers or {})
        self._connection = http.client.HTTPConnection(address, timeout=60)

    def __enter__(self) -> RegistryClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def request(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> Reply:
        """Send a request; `query` is added to the target."""
        if query:
            target += ("&" if "?" in target else "?") + urlencode(query)
        sent = {**self.headers, **(headers or {})}
        if isinstance(body, bytes):
            sent.setdefault("Content-Length", str(len(body)))
        try:
            self._connection.request(
                method, target, body, sent, encode_chunked=not isinstance(body, bytes)
            )
            answer = self._connection.getresponse()
            data = answer.read()
        except BaseException:
            self._connection.close()
            raise
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, found, data)

    def get(self, target: str, headers: Mapping[str, str] | None = None, **query: str) -> Reply:
        """GET."""
        return self.request("GET", target, headers=headers, **query)

    def head(self, target: str) -> Reply:
        """HEAD."""
        return self.request("HEAD", target)

    def begin(self, name: str, **query: str) -> Reply:
        """POST for an upload."""
        return self.request("POST", f"/v2/{name}/blobs/uploads/", **query)

    def push_blob(self, name: str, data: bytes, algorithm: str = "sha256") -> str:
        """POST and PUT; returns the digest."""
        digest = digest_of(data, algorithm)
        begun = self.begin(name)
        assert begun.status == 202, begun
        headers = {"Content-Type": OCTETS}
        done = self.request("PUT", begun.location, data, headers, digest=digest)
        assert done.status == 201, done
        return digest

    def push_manifest(
        self, name: str, reference: str, document: Mapping[str, Any] | bytes, **query: str
    ) -> Reply:
        """PUT of a manifest with the media type that it names."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        kind = json.loads(data).get("mediaType", OCI_MANIFEST)
        target = f"/v2/{name}/manifests/{reference}"
        return self.request("PUT", target, data, {"Content-Type": kind}, **query)

    def push_image(self, name: str, tag: str, layers: Iterable[bytes], **more: Any) -> str:
        """Blobs and manifest of a small image; returns the manifest's digest."""
        document = image(list(layers), **more)
        for data in (*layers, json.dumps(_CONFIG).encode()):
            self.push_blob(name, data)
        reply = self.push_manifest(name, tag, document)
        assert reply.status == 201, reply
        return reply.headers["docker-content-digest"]


_CONFIG = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}


def image(layers: list[bytes], **more: Any) -> dict[str, Any]:
    """The manifest of an image; `more` are further members (subject, annotations)."""
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(json.dumps(_CONFIG).encode(), OCI_CONFIG),
        "layers": [descriptor(data, OCI_LAYER) for data in layers],
        **more,
    }


def index(manifests: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """An image index."""
    return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests, **more}
