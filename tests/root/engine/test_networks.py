"""Networks of a whole engine, in a network namespace of its own: what crashes, races and many of
everything must not spoil."""

from __future__ import annotations

import ipaddress
import itertools
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests import leaks
from tests.conftest import running
from tests.engines import ANSWER_SECONDS, Engine

SERVE = "echo hello > /tmp/index.html; httpd -f -h /tmp"


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine for one test that kills it."""
    with running("wherry", own_network=True) as made:
        yield made


def _until(condition: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + ANSWER_SECONDS
    while not condition():
        assert time.monotonic() < limit, f"never: {what}"
        time.sleep(0.05)


def _inspect(engine: Engine, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine.output("inspect", name))[0]
    return found


def _address(engine: Engine, name: str, network: str = "bridge") -> str:
    return str(_inspect(engine, name)["NetworkSettings"]["Networks"][network]["IPAddress"])


def _fetch(engine: Engine, url: str) -> str:
    return engine.in_network("curl", "--silent", "--globoff", "--max-time", "5", url).strip()


def _reached(engine: Engine, url: str) -> None:
    _until(lambda: _fetch(engine, url) == "hello", f"an answer of {url}")


def test_a_killed_daemon_interrupts_nobody(engine: Engine) -> None:
    engine.output("network", "create", "net")
    engine.output("run", "-d", "--name", "server", "--network", "net", "-p", "8080:80",
                  "busybox", "sh", "-c", SERVE)  # fmt: skip
    engine.output("run", "-d", "--name", "client", "--network", "net", "busybox", "sleep", "1000")
    before = _inspect(engine, "server")["NetworkSettings"]
    _reached(engine, "http://127.0.0.1:8080/")
    engine.kill()
    _reached(engine, "http://127.0.0.1:8080/")
    engine.start()
    assert _inspect(engine, "server")["NetworkSettings"] == before
    _reached(engine, "http://127.0.0.1:8080/")
    assert engine.output("exec", "client", "wget", "-qO-", "http://server/") == "hello"
    taken = {_address(engine, name, "net") for name in ("server", "client")}
    engine.output("run", "-d", "--name", "third", "--network", "net", "busybox", "sleep", "1000")
    assert _address(engine, "third", "net") not in taken
    refused = engine.docker("run", "--rm", "-p", "8080:80", "busybox", "true")
    assert b"container server publishes it" in refused.stderr
    engine.output("rm", "-f", "server", "client", "third")
    assert _fetch(engine, "http://127.0.0.1:8080/") == ""
    engine.output("network", "rm", "net")


def test_what_ends_while_nobody_looks_gives_everything_back(engine: Engine) -> None:
    before = leaks.Holdings.of(engine)
    engine.output("run", "-d", "--name", "gone", "-p", "8080:80", "busybox", "sleep", "1000")
    address, pid = _address(engine, "gone"), _inspect(engine, "gone")["State"]["Pid"]
    engine.kill()
    subprocess.run(["kill", "-9", str(pid)], check=True)
    engine.start()
    _until(lambda: not _inspect(engine, "gone")["State"]["Running"], "the end")
    engine.output("run", "-d", "--name", "next", "-p", "8080:80", "busybox", "sleep", "1000")
    assert _address(engine, "next") == address
    engine.output("rm", "-f", "gone", "next")
    leaks.assert_nothing_left(engine, before)


def test_no_address_leaks_when_the_daemon_is_killed_during_starts(engine: Engine) -> None:
    engine.output("network", "create", "--subnet", "10.88.0.0/28", "small")
    before = leaks.Holdings.of(engine)
    for round in range(3):
        with ThreadPoolExecutor(4) as pool:
            starts = [
                pool.submit(engine.docker, "run", "-d", "--network", "small", "-P", "--expose",
                            "80", "busybox", "sleep", "1000")
                for _ in range(8)
            ]  # fmt: skip
            time.sleep(0.1 + 0.1 * round)
            engine.kill()
            for start in starts:
                start.result()
        engine.start()
        if names := engine.output("ps", "-aq").split():
            engine.output("rm", "-f", *names)
    leaks.assert_nothing_left(engine, before)
    # Thirteen of them: all that there are.
    for number in range(13):
        engine.output("run", "-d", "--name", f"c{number}", "--network", "small", "busybox",
                      "sleep", "1000")  # fmt: skip
    full = engine.docker("run", "--rm", "--network", "small", "busybox", "true")
    assert b"no available IPv4 addresses on this network's address pools" in full.stderr
    engine.output("rm", "-f", *(f"c{number}" for number in range(13)))
    engine.output("network", "rm", "small")


def test_a_start_and_a_removal_of_its_network(networked_wherry: Engine) -> None:
    """Whoever comes first wins; nobody is left on a network that is gone."""
    engine = networked_wherry
    before = leaks.Holdings.of(engine)
    for _ in range(10):
        engine.output("network", "create", "contested")
        engine.output("create", "--name", "c1", "--network", "contested", "busybox", "sleep", "99")
        with ThreadPoolExecutor(2) as pool:
            start = pool.submit(engine.docker, "start", "c1")
            removal = pool.submit(engine.docker, "network", "rm", "contested")
            started, removed = start.result().returncode == 0, removal.result().returncode == 0
        assert started != removed
        engine.output("rm", "-f", "c1")
        if not removed:
            engine.output("network", "rm", "contested")
    leaks.assert_nothing_left(engine, before)


def test_many_networks_at_once_avoid_each_other_and_a_vpn(networked_wherry: Engine) -> None:
    engine = networked_wherry
    vpn = ipaddress.ip_network("172.16.0.0/12")
    engine.in_network("ip", "link", "add", "vpn0", "type", "veth", "peer", "name", "vpn1")
    engine.in_network("ip", "link", "set", "vpn0", "up")
    engine.in_network("ip", "route", "add", str(vpn), "dev", "vpn0")
    assert str(vpn) in engine.in_network("ip", "route")
    names = [f"many{number}" for number in range(60)]
    try:
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda name: engine.output("network", "create", name), names))
        made = json.loads(engine.output("network", "inspect", *names))
        subnets = [ipaddress.ip_network(row["IPAM"]["Config"][0]["Subnet"]) for row in made]
        assert not any(subnet.overlaps(vpn) for subnet in subnets)
        ordered = sorted(subnets, key=lambda subnet: int(subnet.network_address))
        assert not any(one.overlaps(two) for one, two in itertools.pairwise(ordered))
    finally:
        engine.in_network("ip", "link", "del", "vpn0")
        engine.docker("network", "rm", *names)


def test_ports_of_a_running_container_come_and_go(networked_wherry: Engine) -> None:
    engine = networked_wherry
    before = leaks.Holdings.of(engine)
    engine.output("run", "-d", "--name", "server", "busybox", "sh", "-c", SERVE)
    pid = _inspect(engine, "server")["State"]["Pid"]
    wherry = ["wherry", "-H", engine.host]
    subprocess.run([*wherry, "port", "add", "server", "8085:80"], check=True, capture_output=True)
    _reached(engine, "http://127.0.0.1:8085/")
    again = subprocess.run([*wherry, "port", "add", "server", "8085:81"], capture_output=True)
    assert again.returncode == 1
    assert b"container server publishes it" in again.stderr
    subprocess.run([*wherry, "port", "rm", "server", "80"], check=True, capture_output=True)
    assert _fetch(engine, "http://127.0.0.1:8085/") == ""
    assert _inspect(engine, "server")["State"]["Pid"] == pid
    subprocess.run([*wherry, "port", "add", "server", "8086:80"], check=True, capture_output=True)
    engine.output("restart", "-t", "0", "server")
    _reached(engine, "http://127.0.0.1:8086/")
    engine.output("rm", "-f", "server")
    leaks.assert_nothing_left(engine, before)


def test_five_thousand_ports(networked_wherry: Engine) -> None:
    engine = networked_wherry
    before = leaks.Holdings.of(engine)
    engine.output("run", "-d", "--name", "wide", "-p", "20000-24999:1-5000", "busybox",
                  "httpd", "-f", "-p", "4321", "-h", "/etc")  # fmt: skip
    _until(lambda: "root" in _fetch(engine, "http://127.0.0.1:24320/passwd"), "an answer")
    refused = engine.docker("run", "--rm", "-p", "25000-29999:1-5000", "-p", "24999:6000",
                            "busybox", "true")  # fmt: skip
    assert b"Bind for 0.0.0.0:24999 failed: port is already allocated" in refused.stderr
    assert len(engine.output("port", "wide").splitlines()) == 5000
    engine.output("rm", "-f", "wide")
    leaks.assert_nothing_left(engine, before)


def test_a_process_of_the_host_is_named(networked_wherry: Engine) -> None:
    engine = networked_wherry
    command = [*engine.there, "busybox", "nc", "-l", "-p", "8087"]
    listener = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _until(lambda: ":8087" in engine.in_network("ss", "-ltn"), "the listener")
        refused = engine.docker("run", "--rm", "-p", "8087:80", "busybox", "true")
    finally:
        listener.send_signal(signal.SIGTERM)
        listener.wait()
    assert f"process busybox (pid {listener.pid}) listens there" in refused.stderr.decode()


def test_ipv6_without_a_given_prefix(networked_wherry: Engine) -> None:
    engine = networked_wherry
    before = leaks.Holdings.of(engine)
    engine.output("network", "create", "--ipv6", "six")
    engine.output("run", "-d", "--name", "server", "--network", "six", "-p", "8089:80", "busybox",
                  "httpd", "-f", "-p", "[::]:80", "-h", "/etc")  # fmt: skip
    found = _inspect(engine, "server")["NetworkSettings"]["Networks"]["six"]
    assert ipaddress.ip_address(found["GlobalIPv6Address"]) in ipaddress.ip_network("fd00::/8")
    assert found["GlobalIPv6PrefixLen"] == 64
    for host in ("127.0.0.1", "[::1]", f"[{found['IPv6Gateway']}]"):
        url = f"http://{host}:8089/passwd"
        _until(lambda url=url: "root" in _fetch(engine, url), f"an answer of {url}")  # type: ignore[misc]
    answer = engine.output("run", "--rm", "--network", "six", "busybox", "ping", "-6", "-c", "1",
                           "server")  # fmt: skip
    assert "1 packets received" in answer
    engine.output("rm", "-f", "server")
    engine.output("network", "rm", "six")
    leaks.assert_nothing_left(engine, before)


def test_ports_of_before_when_a_dropping_firewall_came_meanwhile(engine: Engine) -> None:
    engine.output("run", "-d", "--name", "server", "-p", "8080:80", "busybox", "sh", "-c", SERVE)
    engine.output("network", "create", "far")
    engine.output("run", "-d", "--name", "client", "--network", "far", "busybox", "sleep", "1000")
    networks = _inspect(engine, "client")["NetworkSettings"]["Networks"]
    url = f"http://{networks['far']['Gateway']}:8080/"

    def reached() -> bool:
        done = engine.docker("exec", "client", "timeout", "1", "wget", "-qO-", url)
        return done.stdout == b"hello\n"

    _until(reached, "an answer without a firewall")
    chain = "{ type filter hook forward priority 0; policy drop; }"
    engine.in_network("nft", f"add table inet strict; add chain inet strict forward {chain}")
    assert not reached()
    engine.kill()
    engine.start()
    _until(reached, "an answer behind the firewall")
