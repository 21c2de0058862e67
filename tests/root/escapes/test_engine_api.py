"""CVE-2025-9074: whoever reaches the API of the engine is root, so no container may reach it.

CVE-2024-23653, a builder that did not ask whether a build may be privileged, has no equal: there is
no builder, and no endpoint of one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import running
from tests.engines import Engine
from tests.root.escapes import attempt

_PORTS = (80, 2375, 2376, 2377, 5000)
_ASK = (
    "for p in {ports}; do printf 'GET /version HTTP/1.0\\r\\n\\r\\n' | nc -w 3 {address} $p; done"
    " 2>/dev/null; echo done"
)


def listening(engine: Engine) -> set[str]:
    """Inodes of TCP sockets that listen, of the daemon."""
    assert engine.daemon is not None
    folder = Path(f"/proc/{engine.daemon.pid}/fd")
    held = set()
    for entry in folder.iterdir():
        try:
            held |= set(re.findall(r"socket:\[(\d+)\]", os.readlink(entry)))
        except FileNotFoundError:
            continue
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/{engine.daemon.pid}/net/{name}").read_text().splitlines()[1:]
    ]
    return held & {row[9] for row in rows if row[3] == "0A"}


def gateway(engine: Engine) -> str:
    form = "{{(index .IPAM.Config 0).Gateway}}"
    return engine.output("network", "inspect", "-f", form, "bridge")


def ask(engine: Engine, address: str, *options: str) -> str:
    script = _ASK.format(ports=" ".join(map(str, _PORTS)), address=address)
    done = engine.docker("run", "--rm", *options, "busybox", "sh", "-c", script)
    assert done.returncode == 0, done
    return done.stdout.decode()


def test_the_daemon_listens_on_no_tcp_port(wherry: Engine) -> None:
    wherry.output("run", "--rm", "busybox", "true")  # with a network, its DNS and all
    assert listening(wherry) == set()


@pytest.mark.parametrize("where", ["gateway", "127.0.0.1"])
def test_nothing_answers_a_container(networked_wherry: Engine, where: str) -> None:
    """The gateway is what host.docker.internal leads to, too."""
    address = gateway(networked_wherry) if where == "gateway" else where
    assert ask(networked_wherry, address) == "done\n"


def test_nothing_answers_in_the_hosts_network(networked_wherry: Engine) -> None:
    assert ask(networked_wherry, "127.0.0.1", "--network", "host") == "done\n"


def test_no_socket_of_the_engine_is_in_a_container(wherry: Engine) -> None:
    """Neither as a file nor as an abstract name."""
    script = "find / -xdev -type s 2>/dev/null; grep -c @ /proc/net/unix; echo done"
    assert attempt.run(wherry, script).split() == ["0", "done"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/build"), ("POST", "/session"), ("POST", "/grpc"), ("POST", "/build/prune")],
)
def test_there_is_no_builder(wherry: Engine, method: str, path: str) -> None:
    """CVE-2024-23653."""
    with wherry.connect() as connection:
        assert connection.request(method, path).status == 501


@pytest.fixture(scope="module")
def exposed() -> Iterator[Engine]:
    """An engine that was told to be careless, in a network of its own."""
    options = ("--host=tcp://0.0.0.0:2375", "--insecure-tcp")
    with running("wherry", options, own_network=True) as engine:
        yield engine


def test_a_careless_engine_would_answer(exposed: Engine) -> None:
    """Shows that the attempt is one."""
    assert "ApiVersion" in ask(exposed, gateway(exposed))
    assert listening(exposed)
