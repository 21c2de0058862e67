"""Egress policies with a real firewall: a container, a router with our table, and the world."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.root.networks.namespaces import Namespace
from wherry.engine.networks.dns.message import Record, Response
from wherry.engine.networks.dns.upstream import Reply
from wherry.engine.networks.egress import parse
from wherry.engine.networks.egress_guard import Guard
from wherry.engine.networks.firewall.firewall import Firewall
from wherry.engine.networks.values import Network
from wherry.kernel.netlink.nflog import LoggedPacket, LogSocket

INSIDE, INSIDE6 = "10.8.0.2", "fd08::2"
ALLOWED, OTHER, ALLOWED6 = "10.9.0.2", "10.9.0.3", "fd09::2"
GROUP_SUFFIX = "e6"


class World:
    """container -- router (bridge wt0, our table) -- servers at ALLOWED and OTHER, port 8080."""

    def __init__(self) -> None:
        self.container, self.router, self.servers = Namespace(), Namespace(), Namespace()
        self.router.wire(self.container, "10.8.0.3/24", f"{INSIDE}/24", "c0")
        self.router.run("ip", "address", "flush", "dev", "c0")
        self.router.run("ip", "link", "add", "wt0", "type", "bridge")
        self.router.run("ip", "link", "set", "c0", "master", "wt0")
        self.router.run("ip", "link", "set", "wt0", "up")
        for address in ("10.8.0.1/24", "fd08::1/64"):
            self.router.run("ip", "address", "add", address, "dev", "wt0", "nodad")
        self.container.run("ip", "address", "add", f"{INSIDE6}/64", "dev", "c0", "nodad")
        self.router.wire(self.servers, "10.9.0.1/24", f"{ALLOWED}/24", "w0")
        self.router.run("ip", "address", "add", "fd09::1/64", "dev", "w0", "nodad")
        for address in (f"{OTHER}/24", f"{ALLOWED6}/64"):
            self.servers.run("ip", "address", "add", address, "dev", "w0", "nodad")
        for place, via in ((self.container, "08"), (self.servers, "09")):
            place.run("ip", "route", "add", "default", "via", f"10.{int(via)}.0.1")
            place.run("ip", "-6", "route", "add", "default", "via", f"fd{via}::1")
        self.router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        self.firewall = self.router.call(lambda: Firewall(GROUP_SUFFIX))
        group = 0x7700 + int(GROUP_SUFFIX, 16)
        self.log = self.router.call(lambda: LogSocket(group))
        network = Network("n" * 64, "net", "bridge", 0, bridge="wt0")
        self.router.call(lambda: self.firewall.add_network(network))
        serve = [sys.executable, "-m", "http.server", "8080", "--bind", "::"]
        self.server = subprocess.Popen(
            self.servers.command(*serve), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(lambda: "8080" in self.servers.run("ss", "-Hltn"))

    def guard(self, policy: str) -> Guard:
        guard = Guard(parse(policy), (INSIDE, INSIDE6), self.firewall.table, time.monotonic)
        rows = guard.fixed_rows()
        self.router.call(lambda: self.firewall.table.change(add=rows))
        return guard

    def reaches(self, address: str, port: int = 8080) -> bool:
        """Whether the container gets a connection; a refusal comes at once."""
        done = subprocess.run(
            self.container.command(
                sys.executable, "-c",
                f"import socket; socket.create_connection(({address!r}, {port}), 5)",
            ),
            capture_output=True, check=False,
        )  # fmt: skip
        return done.returncode == 0

    def tells(self, packet: LoggedPacket) -> None:
        """Wait until this denial was told."""
        wait_for(lambda: packet in self.log.packets())

    def close(self) -> None:
        self.server.kill()
        self.server.wait()
        self.log.close()
        self.firewall.close(remove=True)
        for place in (self.container, self.router, self.servers):
            place.close()


def wait_for(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.02)


@pytest.fixture
def world() -> Iterator[World]:
    if os.geteuid():
        pytest.skip("needs root: network namespaces")
    made = World()
    yield made
    made.close()


def answer(name: str, address: str) -> Reply:
    kind = 28 if ":" in address else 1
    return Reply(b"", Response(1, 0, False, name, kind, (Record(name, kind, 60, address),), None))


def test_without_a_policy_everything_may_leave(world: World) -> None:
    assert world.reaches(ALLOWED)
    assert world.reaches(OTHER)


def test_deny_lets_nothing_out_and_every_denial_is_told(world: World) -> None:
    world.guard("deny")
    assert not world.reaches(ALLOWED)
    world.tells(LoggedPacket(INSIDE, ALLOWED, "tcp", 8080))
    assert not world.reaches(ALLOWED6)
    world.tells(LoggedPacket(INSIDE6, ALLOWED6, "tcp", 8080))


def test_the_host_is_no_way_round(world: World) -> None:
    world.guard("deny")
    assert not world.reaches("10.8.0.1", 22)
    world.tells(LoggedPacket(INSIDE, "10.8.0.1", "tcp", 22))


def test_an_allowed_name_opens_its_addresses_and_nothing_else(world: World) -> None:
    guard = world.guard("allow=up.test:8080")
    assert not world.reaches(ALLOWED)
    for address in (ALLOWED, ALLOWED6):
        world.router.call(lambda address=address: guard.learn(answer("up.test", address)))  # type: ignore[misc]
    assert world.reaches(ALLOWED)
    assert world.reaches(ALLOWED6)
    assert not world.reaches(OTHER)
    assert not world.reaches(ALLOWED, 53)
    world.tells(LoggedPacket(INSIDE, ALLOWED, "tcp", 53))


def test_addresses_and_subnets(world: World) -> None:
    world.guard(f"allow={OTHER}:8080,fd09::/64")
    assert world.reaches(OTHER)
    assert world.reaches(ALLOWED6)
    assert not world.reaches(ALLOWED)


def test_another_dns_server_cannot_be_asked(world: World) -> None:
    world.guard("allow=up.test")
    send = "import socket; s=socket.socket(2,2); s.sendto(b'x', ('10.9.0.3', 53))"
    world.container.run(sys.executable, "-c", send)
    world.tells(LoggedPacket(INSIDE, OTHER, "udp", 53))


def test_opened_addresses_survive_a_flush(world: World) -> None:
    guard = world.guard("allow=up.test")
    world.router.call(lambda: guard.learn(answer("up.test", ALLOWED)))
    world.router.run("nft", "flush", "ruleset")
    world.router.call(world.firewall.table.make)
    assert world.reaches(ALLOWED)
    assert not world.reaches(OTHER)
    world.router.call(lambda: world.firewall.table.change(delete=guard.all_rows()))
    assert world.reaches(OTHER)
