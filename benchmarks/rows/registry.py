"""The registry server beside docker-registry: blobs out to several clients, blobs in.

The clients cost next to nothing (the kernel drops what they receive, MSG_TRUNC of tcp(7)), so that
the two cores are the servers'. docker-registry does not sync what it takes; ours answers a PUT only
when the blob is on the disk.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

from benchmarks.budgets import Budget, Row
from benchmarks.contestants import Contestants
from benchmarks.measure import Account, Turn, rounds
from tests.registries import DockerRegistry, RegistryProcess, WherryRegistry
from tests.registryclient import RegistryClient

NAME = "bench/blobs"
BLOB_BYTES = 200 << 20
CLIENTS = (1, 4, 8)
_BUFFER = 4 << 20


def blobs(contestants: Contestants, count: int) -> list[Row]:
    """GET with 1, 4 and 8 clients, and PUT."""
    few = max(5, count // 3)
    data = os.urandom(BLOB_BYTES)
    with ExitStack() as held:
        servers, accounts = _servers(contestants.directory / "registries", held)
        for server in servers.values():
            with RegistryClient(server.address) as client:
                client.push_blob(NAME, data)
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        rows = [_get_row(servers, accounts, digest, clients, few) for clients in CLIENTS]
        rows.append(_put_row(servers, accounts, few))
        for account in accounts.values():
            account.close()
    return rows


def _servers(
    directory: Path, held: ExitStack
) -> tuple[dict[str, RegistryProcess], dict[str, Account]]:
    """Both registries, each started inside of its own account."""
    made: dict[str, RegistryProcess] = {"wherry": WherryRegistry(directory / "wherry")}
    if DockerRegistry.is_installed():
        made["docker-registry"] = DockerRegistry(directory / "docker")
    accounts = {name: Account(f"{name}-server") for name in made}
    for name, server in made.items():
        accounts[name].enter()
        try:
            held.enter_context(server)
        finally:
            accounts[name].leave()
    return made, accounts


def _get_row(
    servers: dict[str, RegistryProcess],
    accounts: dict[str, Account],
    digest: str,
    clients: int,
    count: int,
) -> Row:
    turns = {
        name: Turn(accounts[name], lambda s=server: _pull(s.port, digest, clients))  # type: ignore[misc]
        for name, server in servers.items()
    }
    title = f"registry: GET of a {BLOB_BYTES >> 20} MiB blob by {clients} at once"
    return Row(title, rounds(turns, count), (Budget(1, "docker-registry"),), "from the page cache")


def _pull(port: int, digest: str, clients: int) -> None:
    """Several clients read the blob at the same time."""
    threads = [threading.Thread(target=_read, args=(port, digest)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _read(port: int, digest: str) -> None:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        head = f"GET /v2/{NAME}/blobs/{digest} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"
        sock.sendall(head.encode())
        buffer = bytearray(_BUFFER)
        received = 0
        while size := sock.recv_into(buffer, _BUFFER, socket.MSG_TRUNC):
            received += size
        assert received > BLOB_BYTES, f"only {received} bytes came"


def _put_row(servers: dict[str, RegistryProcess], accounts: dict[str, Account], count: int) -> Row:
    turns = {name: _put_turn(accounts[name], server) for name, server in servers.items()}
    title = f"registry: PUT of a {BLOB_BYTES >> 20} MiB blob"
    return Row(title, rounds(turns, count), (), "docker-registry does not sync it to the disk")


def _put_turn(account: Account, server: RegistryProcess) -> Turn:
    data = bytearray(os.urandom(BLOB_BYTES))

    def change() -> None:
        data[:32] = os.urandom(32)

    def push() -> None:
        with RegistryClient(server.address) as client:
            client.push_blob(NAME, bytes(data))

    return Turn(account, push, change)
