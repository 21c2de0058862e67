"""Whom to ask, in which order, and whose answer counts: no sockets, no clock of the machine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from wherry.engine.networks.dns import race as race_module
from wherry.engine.networks.dns.cache import MOST, NegativeCache
from wherry.engine.networks.dns.forward import FALLBACK, servers
from wherry.engine.networks.dns.hostfile import LiveResolvConf, ResolvConf, parse
from wherry.engine.networks.dns.message import NOERROR, NXDOMAIN, REFUSED, SERVFAIL, Response
from wherry.engine.networks.dns.race import Race
from wherry.engine.networks.dns.settings import ResolverSettings
from wherry.engine.networks.dns.upstream import Reply, Server

OWN = "127.0.0.11"
A, B, C = Server("192.0.2.1"), Server("192.0.2.2"), Server("192.0.2.3")


def reply(rcode: int = NOERROR, mark: bytes = b"") -> Reply:
    return Reply(mark, Response(1, rcode, False, "a", 1, (), None))


async def silent() -> Reply:
    await asyncio.Event().wait()
    raise AssertionError


async def broken() -> Reply:
    raise ConnectionRefusedError


def behaving(ways: dict[Server, Reply | Callable[[], Awaitable[Reply]]]):  # type: ignore[no-untyped-def]
    asked: list[Server] = []

    async def ask(server: Server) -> Reply:
        asked.append(server)
        way = ways[server]
        return way if isinstance(way, Reply) else await way()

    return ask, asked


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race_module, "STAGGER", 0.01)
    monkeypatch.setattr(race_module, "ROUND", 0.02)
    monkeypatch.setattr(race_module, "PATIENCE", 0.1)


async def test_the_first_server_is_enough() -> None:
    ask, asked = behaving({A: reply(mark=b"a"), B: reply()})
    race = Race(ask, [A, B])
    assert await race.run() == reply(mark=b"a")
    assert (asked, race.overtaken) == ([A], ())


async def test_a_dead_server_is_overtaken() -> None:
    ask, _ = behaving({A: silent, B: reply(mark=b"b")})
    race = Race(ask, [A, B])
    assert await race.run() == reply(mark=b"b")
    assert race.overtaken == (A,)


async def test_a_refused_port_hands_over_and_is_no_silence() -> None:
    ask, asked = behaving({A: broken, B: reply(NXDOMAIN)})
    race = Race(ask, [A, B])
    assert await race.run() == reply(NXDOMAIN)
    assert (asked, race.overtaken) == ([A, B], ())


@pytest.mark.parametrize("code", [SERVFAIL, REFUSED])
async def test_another_server_may_do_better_than_a_failure(code: int) -> None:
    ask, _ = behaving({A: reply(code), B: reply()})
    assert await Race(ask, [A, B]).run() == reply()


async def test_a_failure_is_passed_on_when_nobody_does_better() -> None:
    ask, asked = behaving({A: reply(REFUSED), B: broken})
    assert await Race(ask, [A, B]).run() == reply(REFUSED)
    assert asked == [A, B]  # each once


async def test_silence_is_asked_again_and_ends() -> None:
    ask, asked = behaving({A: silent})
    race = Race(ask, [A])
    assert await race.run() is None
    assert asked == [A, A, A]
    assert race.overtaken == (A,)


async def test_nobody_to_ask() -> None:
    ask, asked = behaving({})
    assert await Race(ask, []).run() is None
    assert asked == []


def test_the_hosts_servers_are_asked_from_where_they_can_be_reached() -> None:
    of_host = ("192.0.2.1", "127.0.0.53", "fe80::1%eth0", "2001:db8::1")
    assert servers(ResolverSettings(), of_host, OWN) == [
        A, Server("127.0.0.53", True), Server("fe80::1%eth0", True),
    ]  # fmt: skip
    assert servers(ResolverSettings(ipv6=True), of_host[3:], OWN) == [Server("2001:db8::1")]
    assert servers(ResolverSettings(), of_host[3:], OWN) == [Server("2001:db8::1", True)]


def test_a_users_loopback_server_is_the_containers_own() -> None:
    settings = ResolverSettings(servers=("127.0.0.1", OWN, "192.0.2.1"))
    assert servers(settings, (), OWN) == [Server("127.0.0.1"), A]


def test_a_host_resolver_at_our_address_is_no_loop() -> None:
    assert servers(ResolverSettings(), (OWN,), OWN) == [Server(OWN, True)]


def test_without_a_way_out_nobody_is_asked_from_the_host() -> None:
    settings = ResolverSettings(forward=False)
    assert servers(settings, ("127.0.0.53", "192.0.2.1"), OWN) == [A]


def test_a_confined_container_never_asks_itself() -> None:
    settings = ResolverSettings(confined=True)
    assert servers(settings, ("192.0.2.1",), OWN) == [Server("192.0.2.1", True)]


def test_a_host_without_servers() -> None:
    assert [each.address for each in servers(ResolverSettings(), (), OWN)] == list(FALLBACK)


def test_resolv_conf_is_read_as_resolvers_read_it() -> None:
    text = """# comment
; another
nameserver 192.0.2.1
nameserver nonsense
nameserver fe80::1%eth0
domain old.test
search a.test b.test
options ndots:2 timeout:1
options edns0
sortlist 10.0.0.0
"""
    conf = parse(text)
    assert conf == ResolvConf(
        ("192.0.2.1", "fe80::1%eth0"),
        ("a.test", "b.test"),
        ("ndots:2", "timeout:1", "edns0"),
        ("sortlist 10.0.0.0",),
    )
    assert conf.ndots == "2"
    assert parse("").ndots is None


def test_the_live_file_is_followed_through_every_kind_of_change(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    live = LiveResolvConf(str(path))
    assert live.current() == ResolvConf()
    path.write_text("nameserver 192.0.2.1\n")
    assert live.current().servers == ("192.0.2.1",)
    path.write_text("nameserver 192.0.2.222\n")  # in place
    assert live.current().servers == ("192.0.2.222",)
    other = tmp_path / "other"
    other.write_text("nameserver 192.0.2.3\n")
    other.rename(path)  # replaced
    assert live.current().servers == ("192.0.2.3",)
    path.unlink()
    assert live.current().servers == ("192.0.2.3",)  # between two states of the file
    (tmp_path / "target").write_text("nameserver 192.0.2.4\n")
    path.symlink_to("target")
    assert live.current().servers == ("192.0.2.4",)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_negative_answers_are_kept_for_a_moment() -> None:
    clock = Clock()
    cache: NegativeCache[str] = NegativeCache(clock)
    cache.put("short", "a", 2)
    cache.put("long", "b", 3600)
    cache.put("never", "c", 0)
    cache.put("untold", "d", None)
    assert [cache.get(k) for k in ("short", "long", "never", "untold")] == ["a", "b", None, "d"]
    clock.now = 2.5
    assert [cache.get(k) for k in ("short", "long", "untold")] == [None, "b", None]
    clock.now = 6.0
    assert cache.get("long") is None


def test_the_cache_is_bounded_and_can_be_cleared() -> None:
    cache: NegativeCache[int] = NegativeCache(Clock())
    for number in range(MOST + 1):
        cache.put(number, number, 5)
    assert cache.get(0) is None
    assert cache.get(MOST) == MOST
    cache.clear()
    assert cache.get(MOST) is None
