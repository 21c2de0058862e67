"""Requests that try to pass as others: paths, versions, pipelines, and hijacked connections."""

from __future__ import annotations

import re
import socket as sockets_of_python
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.root.sockets.conftest import Socket, Sockets


@contextmanager
def connected(socket: Socket) -> Iterator[sockets_of_python.socket]:
    with sockets_of_python.socket(sockets_of_python.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(socket.path)
        yield connection


def everything(connection: sockets_of_python.socket) -> bytes:
    """What comes until the other side closes."""
    found = b""
    while data := connection.recv(65536):
        found += data
    return found


REFUSED = [
    ("POST", "/containers/create"),
    ("POST", "/v1.44/containers/create"),
    ("POST", "/%63ontainers/create"),
    ("POST", "/v1.44/%2e%2e/containers/create"),
    ("POST", "//containers/create"),
    ("POST", "/containers/json/../create"),
    ("POST", "/v9.99/containers/create"),
    ("POST", "http://localhost/containers/create"),
    ("PUT", "/containers/create"),
    ("OPTIONS", "/containers/create"),
    ("POST", "/wherry/system/shutdown"),
    ("POST", "/v1.44/wherry/system/shutdown"),
    ("GET", "/wherry/sockets"),
    ("POST", "/wherry/sockets/create"),
    ("DELETE", "/wherry/sockets/x"),
    ("GET", "/no/such/thing"),
    ("POST", "/images/load"),
    ("DELETE", "/images/busybox"),
]


@pytest.mark.parametrize(("method", "path"), REFUSED)
def test_no_other_spelling(sockets: Sockets, method: str, path: str) -> None:
    status, answer = sockets.make("read").ask(method, path, {"Image": "busybox"})
    assert status == 403, answer
    assert "is not allowed through the socket" in answer["message"]


def test_what_docker_has_and_we_do_not_is_told_so(sockets: Sockets) -> None:
    assert sockets.make("read").ask("GET", "/swarm")[0] == 501


def test_every_request_of_a_connection_is_asked_about(sockets: Sockets) -> None:
    """Pipelined, and with a body that looks like a request."""
    body = b"POST /containers/create HTTP/1.1\r\nHost: x\r\n\r\n"
    requests = (
        b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n"
        b"POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 19\r\n\r\n" + b'{"Image":"busybox"}'
        b"GET /containers/json HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
        % len(body)
        + body
        + b"DELETE /images/busybox HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    with connected(sockets.make("read")) as connection:
        connection.sendall(requests)
        answers = everything(connection)
    statuses = re.findall(rb"HTTP/1\.1 (\d+) ", answers)
    assert statuses == [b"200", b"403", b"200", b"403"]


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Content-Length: +5\r\n",
    ],
)
def test_lengths_that_disagree(sockets: Sockets, headers: bytes) -> None:
    """One server reads them, so there is nobody to disagree with; what is no HTTP ends there."""
    inner = b"DELETE /images/busybox HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with connected(sockets.make("read")) as connection:
        connection.sendall(
            b"POST /auth HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n0\r\n\r\n" + inner
        )
        answers = everything(connection)
    assert b" 200 " not in answers and b"Deleted" not in answers, answers


def test_what_follows_a_hijack_is_input(sockets: Sockets) -> None:
    socket = sockets.make("run")
    id = socket.good("create", "-i", "--network", "none", "busybox", "cat")
    request = f"POST /containers/{id}/attach?stdin=1&stdout=1&stream=1 HTTP/1.1\r\n".encode()
    upgrade = b"Host: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    smuggled = b"DELETE /images/busybox HTTP/1.1\r\nHost: x\r\n\r\n"
    with connected(socket) as connection:
        connection.sendall(request + upgrade + smuggled)
        assert b"101 UPGRADED" in connection.recv(65536)
        socket.good("start", id)
        connection.shutdown(sockets_of_python.SHUT_WR)
        said = everything(connection)
    assert smuggled in said and b"HTTP/1.1 4" not in said
