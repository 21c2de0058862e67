"""A registry in this process that tests make misbehave: it drops, lies, redirects, stalls, refuses.

    with FaultyRegistry() as registry:
        digest = registry.add_blob(data)
        registry.faults.append(cut(0.6, times=1))

A fault looks at each request and either answers it (True) or leaves it to the next, in the end to
the registry itself. Everything that was asked and every body byte that was sent is on record.
"""

from __future__ import annotations

import json
import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from wherry.spec import digest as digests
from wherry.spec.image import OCI_MANIFEST, Descriptor

Fault = Callable[["Asked"], bool]
_BLOCK = 32 << 10


class FaultyRegistry:
    """Serves on loopback in threads of its own; `requests` are (method, path, headers).

    `blob_bytes` counts body bytes of blobs that were sent, `taken_bytes` those of uploads.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.tags: dict[str, list[str]] = {}
        self.uploads: dict[str, bytearray] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, Mapping[str, str]]] = []
        self.blob_bytes = 0
        self.taken_bytes = 0
        self.lock = threading.Lock()
        registry = self

        class Handler(Asked):
            home = registry

        self._server = _Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def address(self) -> str:
        """host:port, by number."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def named(self) -> str:
        """The same by name: another host for a client."""
        return f"localhost:{self._server.server_address[1]}"

    def add_blob(self, data: bytes) -> Descriptor:
        """Have a blob, in every repository."""
        digest = digests.of(data)
        self.blobs[digest] = data
        return Descriptor("application/octet-stream", digest, len(data))

    def add_manifest(
        self, repository: str, tag: str, document: bytes, media_type: str = OCI_MANIFEST
    ) -> str:
        """Have a manifest by tag and digest."""
        digest = digests.of(document)
        for target in (tag, digest):
            self.manifests[repository, target] = (media_type, document)
        return digest

    def asked(self, method: str, part: str = "") -> list[tuple[str, Mapping[str, str]]]:
        """Requests of a method whose path holds the part: path and headers."""
        return [
            (path, fields)
            for verb, path, fields in self.requests
            if verb == method and part in path
        ]

    def __enter__(self) -> FaultyRegistry:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class Asked(BaseHTTPRequestHandler):
    """One connection's requests."""

    home: FaultyRegistry
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        """Small buffers: what counts as sent was nearly received."""
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 10)
        super().setup()

    def log_message(self, format: str, *arguments: object) -> None:
        """Stay silent."""

    def _handle(self) -> None:
        fields = {name.title(): value for name, value in self.headers.items()}
        with self.home.lock:
            self.home.requests.append((self.command, self.path, fields))
        for fault in list(self.home.faults):
            if fault(self):
                return
        self.serve()

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = _handle

    def serve(self) -> None:
        """Answer as a registry does."""
        path = urlsplit(self.path).path
        for pattern, serve in (
            (r"/v2/", self._ping),
            (r"/v2/(.+)/blobs/uploads/([^/]*)", self._upload),
            (r"/v2/(.+)/blobs/([^/]+)", self._blob),
            (r"/v2/(.+)/manifests/([^/]+)", self._manifest),
            (r"/v2/(.+)/tags/list", self._tags),
        ):
            match = re.fullmatch(pattern, path)
            if match:
                serve(*match.groups())
                return
        self.refuse(404, "NOT_FOUND")

    def say(self, status: int, body: bytes = b"", **fields: str) -> None:
        """Answer; names of fields have underscores for hyphens."""
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in fields:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str, *, taken: bool = False, **fields: str) -> None:
        """Answer an error of the distribution spec; the body is read first, unless it was taken."""
        if not taken:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()
        self.say(status, body, **fields)

    def hang_up(self) -> None:
        """Break the connection off."""
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def wanted_blob(self) -> bytes | None:
        """The blob that this request is for, if it is a GET of one that is there."""
        match = re.search(r"/blobs/(sha256:[0-9a-f]+)$", urlsplit(self.path).path)
        return self.home.blobs.get(match[1]) if match and self.command == "GET" else None

    def send_blob(
        self, data: bytes, *, until: int | None = None, told: int | None = None, pause: float = 0
    ) -> None:
        """The blob with Range; breaks off before byte `until`, tells `told` as the whole length."""
        whole = len(data) if told is None else told
        range_ = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        begin = int(range_[1]) if range_ else 0
        end = len(data) if until is None else min(len(data), until)
        self.send_response(206 if range_ else 200)
        if range_:
            self.send_header("Content-Range", f"bytes {begin}-{whole - 1}/{whole}")
        self.send_header("Content-Length", str(whole - begin))
        self.end_headers()
        for at in range(begin, end, _BLOCK):
            piece = data[at : min(at + _BLOCK, end)]
            with self.home.lock:  # first: who has got the last piece may look at once
                self.home.blob_bytes += len(piece)
            self.wfile.write(piece)
            time.sleep(pause)
        if end < whole:
            self.hang_up()

    def _ping(self) -> None:
        self.say(200, b"{}")

    def _blob(self, repository: str, digest: str) -> None:
        data = self.home.blobs.get(digest)
        if data is None:
            self.refuse(404, "BLOB_UNKNOWN")
        elif self.command == "HEAD":
            self.say(200, Content_Length=str(len(data)))
        else:
            self.send_blob(data)

    def _manifest(self, repository: str, target: str) -> None:
        if self.command == "PUT":
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.home.add_manifest(repository, target, body, self.headers["Content-Type"])
            self.say(201, Docker_Content_Digest=digests.of(body))
            return
        found = self.home.manifests.get((repository, target))
        if found is None:
            self.refuse(404, "MANIFEST_UNKNOWN")
            return
        media_type, body = found
        length = str(len(body))
        self.say(
            200,
            body,
            Content_Type=media_type,
            Content_Length=length,
            Docker_Content_Digest=digests.of(body),
        )

    def _tags(self, repository: str) -> None:
        query = parse_qs(urlsplit(self.path).query)
        tags = sorted(self.home.tags.get(repository, []))
        after = [tag for tag in tags if tag > query.get("last", [""])[0]]
        page = after[:3]
        more = {}
        if len(after) > len(page):
            more["Link"] = f'</v2/{repository}/tags/list?n=3&last={page[-1]}>; rel="next"'
        self.say(200, json.dumps({"name": repository, "tags": page}).encode(), **more)

    def _upload(self, repository: str, id: str) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if self.command == "POST":
            self._begin_upload(repository, query)
            return
        upload = self.home.uploads.get(id)
        if upload is None:
            self.refuse(404, "BLOB_UPLOAD_UNKNOWN")
        elif self.command == "GET":
            self._tell_upload(204, repository, id)
        elif self.command == "DELETE":
            del self.home.uploads[id]
            self.say(204)
        elif self.command == "PATCH":
            self.take(upload)
            self._tell_upload(202, repository, id)
        else:
            self.take(upload)
            self._commit(upload, query["digest"][0])

    def _begin_upload(self, repository: str, query: Mapping[str, list[str]]) -> None:
        mounted = query.get("mount", [""])[0]
        if mounted in self.home.blobs:
            self.say(
                201, Docker_Content_Digest=mounted, Location=f"/v2/{repository}/blobs/{mounted}"
            )
            return
        id = f"{len(self.home.uploads)}-{random.getrandbits(64):x}"
        self.home.uploads[id] = bytearray()
        self._tell_upload(202, repository, id)

    def _tell_upload(self, status: int, repository: str, id: str) -> None:
        last = max(len(self.home.uploads[id]) - 1, 0)
        self.say(status, Location=f"/v2/{repository}/blobs/uploads/{id}", Range=f"0-{last}")

    def take(self, upload: bytearray, limit: int | None = None) -> None:
        """Read the body into the upload, up to `limit` bytes of it."""
        left = int(self.headers.get("Content-Length", "0"))
        left = left if limit is None else min(left, limit)
        while left and (piece := self.rfile.read(min(left, _BLOCK))):
            left -= len(piece)
            upload += piece
            with self.home.lock:
                self.home.taken_bytes += len(piece)

    def _commit(self, upload: bytearray, digest: str) -> None:
        if digests.of(bytes(upload)) != digest:
            self.refuse(400, "DIGEST_INVALID", taken=True)
            return
        self.home.blobs[digest] = bytes(upload)
        self.say(201, Docker_Content_Digest=digest)


def _counted(times: int | None) -> Callable[[], bool]:
    left = [times]
    lock = threading.Lock()

    def due() -> bool:
        with lock:
            if left[0] is None:
                return True
            left[0] -= 1
            return left[0] >= 0

    return due


def cut(fraction: float, times: int | None = None) -> Fault:
    """Break a blob's transfer off at this part of the whole blob; resumed later ones go on."""
    due = _counted(times)

    def fault(asked: Asked) -> bool:
        data = asked.wanted_blob()
        if data is None or not due():
            return False
        asked.send_blob(data, until=int(len(data) * fraction))
        return True

    return fault


def drop_at_random(seed: int, largest: int) -> Fault:
    """Break every blob's transfer off after at most so many bytes."""
    chance = random.Random(seed)

    def fault(asked: Asked) -> bool:
        data = asked.wanted_blob()
        if data is None:
            return False
        begin = int(re.sub(r"\D", "", asked.headers.get("Range", "0")) or 0)
        asked.send_blob(data, until=begin + chance.randrange(largest // 2, largest))
        return True

    return fault


def answer(status: int, *, times: int | None = None, part: str = "", **fields: str) -> Fault:
    """Answer requests whose path holds the part with this status."""
    due = _counted(times)

    def fault(asked: Asked) -> bool:
        if part not in asked.path or not due():
            return False
        asked.refuse(status, {429: "TOOMANYREQUESTS"}.get(status, "UNKNOWN"), **fields)
        return True

    return fault


def redirect_blobs(target: str) -> Fault:
    """Send clients to another host for blobs: `target` is a URL without a path."""

    def fault(asked: Asked) -> bool:
        if asked.wanted_blob() is None:
            return False
        asked.say(307, Location=target + asked.path)
        return True

    return fault


def deliver(wrong: bytes, *, told: int | None = None) -> Fault:
    """Other bytes for every blob."""

    def fault(asked: Asked) -> bool:
        if asked.wanted_blob() is None:
            return False
        asked.send_blob(wrong, told=told)
        return True

    return fault


def slowly(pause: float) -> Fault:
    """Blobs in blocks of 32 KB with a pause (seconds) after each."""

    def fault(asked: Asked) -> bool:
        data = asked.wanted_blob()
        if data is None:
            return False
        asked.send_blob(data, pause=pause)
        return True

    return fault


def without_range() -> Fault:
    """Ignore `Range`, as simple file servers do."""

    def fault(asked: Asked) -> bool:
        if asked.headers.get("Range"):
            del asked.headers["Range"]
        return False

    return fault


def cut_uploads(fraction: float, times: int | None = None) -> Fault:
    """Take this part of a PATCH's body, then break off."""
    due = _counted(times)

    def fault(asked: Asked) -> bool:
        if asked.command != "PATCH" or not due():
            return False
        upload = asked.home.uploads[urlsplit(asked.path).path.rpartition("/")[2]]
        asked.take(upload, int(int(asked.headers["Content-Length"]) * fraction))
        asked.hang_up()
        return True

    return fault
