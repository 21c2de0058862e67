"""TLS below a connection: both directions by themselves, refusals that can be read."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from tests.authority import Authority
from wherry.cli.failures import Unreachable
from wherry.cli.http import Connection
from wherry.cli.tlsfiles import TlsFiles
from wherry.http.duplex import Duplex
from wherry.http.message import Answer, Handler, Hijack, Request, Response, Stream
from wherry.http.server import Server
from wherry.http.tls import server_context

T = TypeVar("T")
BLOB = bytes(range(256)) * 16384  # 4 MB: more than any buffer on the way


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("authority") / "ours")
    made.sign("server", "serverAuth")
    made.sign("client", "clientAuth")
    return made


def _files(authority: Authority, name: str = "client") -> TlsFiles:
    folder = authority.folder
    return TlsFiles(
        str(folder / "ca.pem"), str(folder / f"{name}.pem"), str(folder / f"{name}.key")
    )


async def _talk(
    authority: Authority, handler: Handler, client: Callable[[int], T], verify: bool = True
) -> T:
    """The client's result; it runs in a thread beside the server."""
    folder = authority.folder
    context = server_context(
        str(folder / "server.pem"),
        str(folder / "server.key"),
        str(folder / "ca.pem") if verify else "",
    )
    server = Server(handler)
    await server.listen_tls("127.0.0.1", 0, lambda: context)
    (address,) = server.addresses
    assert isinstance(address, tuple)
    try:
        return await asyncio.to_thread(client, address[1])
    finally:
        await server.close()
        assert server.connections == 0


async def _hello(request: Request) -> Answer:
    return Response(200, {}, b"hello")


async def _echo_when_all_is_read(request: Request) -> Answer:
    async def run(duplex: Duplex) -> None:
        pieces = []
        while piece := await duplex.read():
            pieces.append(piece)
        await duplex.write(b"".join(pieces))

    return Hijack(run)


async def test_many_requests_on_one_connection(authority: Authority) -> None:
    def client(port: int) -> list[bytes]:
        connection = Connection(("127.0.0.1", port), _files(authority))
        bodies = []
        for _ in range(3):
            connection.send("GET", "/", {})
            bodies.append(connection.receive("GET").read())
        connection.close()
        return bodies

    assert await _talk(authority, _hello, client) == [b"hello"] * 3


async def test_a_long_body_arrives_whole(authority: Authority) -> None:
    async def long(request: Request) -> Answer:
        async def chunks():  # type: ignore[no-untyped-def]
            for start in range(0, len(BLOB), 100_000):
                yield BLOB[start : start + 100_000]

        return Stream(200, {}, chunks())

    def client(port: int) -> bytes:
        connection = Connection(("127.0.0.1", port), _files(authority))
        connection.send("GET", "/", {})
        return connection.receive("GET").read()

    assert await _talk(authority, long, client) == BLOB


async def test_output_follows_the_end_of_input(authority: Authority) -> None:
    """asyncio's own TLS would drop the connection at the client's close_notify."""

    def client(port: int) -> bytes:
        connection = Connection(("127.0.0.1", port), _files(authority))
        connection.send("POST", "/", {"Connection": "Upgrade", "Upgrade": "tcp"})
        assert connection.receive("POST").status == 101
        connection.socket.sendall(BLOB, socket.MSG_NOSIGNAL)
        connection.socket.shutdown(socket.SHUT_WR)
        received = bytearray()
        while piece := connection.socket.recv(1 << 18):
            received += piece
        connection.close()
        return bytes(received)

    assert await _talk(authority, _echo_when_all_is_read, client) == BLOB


async def test_a_client_that_vanishes_ends_the_work(authority: Authority) -> None:
    gone = asyncio.Event()

    async def endless(request: Request) -> Answer:
        async def run(duplex: Duplex) -> None:
            try:
                await asyncio.sleep(1000)
            finally:
                gone.set()

        return Hijack(run)

    def client(port: int) -> None:
        connection = Connection(("127.0.0.1", port), _files(authority))
        connection.send("POST", "/", {"Connection": "Upgrade", "Upgrade": "tcp"})
        assert connection.receive("POST").status == 101
        connection.socket.shutdown(socket.SHUT_WR)  # half-closed first, then gone
        connection.close()

    async def both(request: Request) -> Answer:
        return await endless(request)

    folder = authority.folder
    server = Server(both)
    context = server_context(
        str(folder / "server.pem"), str(folder / "server.key"), str(folder / "ca.pem")
    )
    await server.listen_tls("127.0.0.1", 0, lambda: context)
    (address,) = server.addresses
    assert isinstance(address, tuple)
    await asyncio.to_thread(client, address[1])
    await asyncio.wait_for(gone.wait(), 30)
    await server.close()


def _refusal(port: int, files: TlsFiles) -> str:
    with pytest.raises(Unreachable) as caught:
        connection = Connection(("127.0.0.1", port), files)
        connection.send("GET", "/", {})
        connection.receive("GET")
    return caught.value.message


async def test_who_is_refused(authority: Authority, tmp_path: Path) -> None:
    foreign = Authority(tmp_path / "foreign")
    foreign.sign("client", "clientAuth")
    ours, theirs = _files(authority), _files(foreign)
    server_pair = _files(authority, "server")
    cases = {
        "no certificate": TlsFiles(ours.authority, "/none", "/none", optional=frozenset({"/none"})),
        "foreign certificate": TlsFiles(ours.authority, theirs.certificate, theirs.key),
        "a server's certificate": server_pair,
    }
    for name, files in cases.items():
        told = await _talk(authority, _hello, lambda port, files=files: _refusal(port, files))
        assert "the daemon refused us" in told, name
    foreign_daemon = TlsFiles(theirs.authority, ours.certificate, ours.key)
    told = await _talk(authority, _hello, lambda port: _refusal(port, foreign_daemon))
    assert "failed to verify the daemon's certificate" in told


async def test_a_client_without_tls_is_told(authority: Authority) -> None:
    def client(port: int) -> bytes:
        connection = Connection(("127.0.0.1", port))
        connection.send("GET", "/", {})
        response = connection.receive("GET")
        assert response.status == 400
        return response.read()

    told = await _talk(authority, _hello, client)
    assert told == b"Client sent an HTTP request to an HTTPS server.\n"


async def test_old_versions_are_refused(authority: Authority) -> None:
    def client(port: int) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with pytest.deprecated_call():
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        with socket.create_connection(("127.0.0.1", port)) as raw, pytest.raises(ssl.SSLError):
            context.wrap_socket(raw)

    await _talk(authority, _hello, client, verify=False)
