"""A container's namespace with our server in it, and real servers to ask on."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.root.networks.dns.place import Dnsmasq, Place
from tests.root.networks.namespaces import Namespace


@pytest.fixture(autouse=True)
def _needs() -> None:
    if os.geteuid():
        pytest.skip("needs root: network namespaces")
    if shutil.which("dig") is None:
        pytest.skip("dig (Debian: bind9-dnsutils) is not installed")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path / "resolv.conf")
    yield made
    made.close()


@pytest.fixture
def network() -> Iterator[Namespace]:
    """Where other servers are."""
    made = Namespace()
    yield made
    made.close()


@pytest.fixture
def dnsmasq(network: Namespace, tmp_path: Path) -> Iterator[type[Dnsmasq]]:
    """Starts real servers: `dnsmasq(namespace, address, options...)`; ends them all."""
    if shutil.which("dnsmasq") is None:
        pytest.skip("dnsmasq (Debian: dnsmasq-base) is not installed")
    started: list[subprocess.Popen[bytes]] = []

    def start(where: Namespace, address: str, *options: str) -> Dnsmasq:
        server = Dnsmasq(where, address, tmp_path / f"log-{len(started)}", options)
        started.append(server.process)
        return server

    yield start  # type: ignore[misc]
    for process in started:
        process.kill()
        process.wait()
