"""A registry that answers searches as Docker Hub does (registry API v1), for tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RESULTS = (
    {
        "name": "alpha/one",
        "description": "first\nline of a description that is rather long, too long",
        "star_count": 12,
        "is_official": True,
        "is_automated": False,
    },
    {"name": "beta", "description": "", "star_count": 3, "is_official": False},
    {"name": "gamma", "description": "x" * 45, "star_count": 0, "is_official": False},
)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/v1/_ping":
            self._answer("application/json", True)
        elif self.path.startswith("/v1/search?"):
            page = {"query": "q", "num_results": len(RESULTS), "results": RESULTS}
            self._answer("application/json", page)
        else:
            self.send_error(404)

    def _answer(self, kind: str, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("X-Docker-Registry-Version", "0.6")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def search_server() -> Iterator[str]:
    """Run one; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
