"""Asking on behalf of a container: what is shared and kept, who comes last. A clock by hand."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest

from wherry.engine.networks.dns import forward, race
from wherry.engine.networks.dns.forward import Forwarder
from wherry.engine.networks.dns.hostfile import LiveResolvConf
from wherry.engine.networks.dns.message import Query, Response
from wherry.engine.networks.dns.stock import HostSockets
from wherry.engine.networks.dns.upstream import Reply, Server, Sockets

QUERY = Query(1, 0x100, b"", "a.test", 1, 1)


class Others:
    """Other servers: each answers at once with what it is set to, or is silent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, conf: Path) -> None:
        self.conf = conf
        self.asked: list[str] = []
        self.silent: set[str] = set()
        self.negative: int | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.now = 0.0
        monkeypatch.setattr(forward, "ask_udp", self._ask)
        monkeypatch.setattr(forward, "ask_tcp", self._ask)
        monkeypatch.setattr(race, "STAGGER", 0.01)

    async def _ask(self, _sockets: Sockets, server: Server, query: Query) -> Reply:
        self.asked.append(server.address)
        await self.gate.wait()
        if server.address in self.silent:
            await asyncio.Event().wait()
        rcode = 0 if self.negative is None else 3
        return Reply(b"", Response(query.id, rcode, False, query.name, 1, (), self.negative))

    def forwarder(self, *addresses: str) -> Forwarder:
        self.conf.write_text("".join(f"nameserver {address}\n" for address in addresses))
        host = HostSockets()
        return Forwarder("127.0.0.11", host, host, LiveResolvConf(str(self.conf)), self._clock)

    def _clock(self) -> float:
        return self.now


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Others:
    return Others(monkeypatch, tmp_path / "resolv.conf")


async def test_a_no_is_kept_for_a_moment_and_a_yes_is_not(others: Others) -> None:
    forwarder = others.forwarder("192.0.2.1")
    await forwarder.ask(QUERY, tcp=False)
    await forwarder.ask(QUERY, tcp=False)
    assert len(others.asked) == 2
    others.negative = 3600
    for _ in range(3):
        await forwarder.ask(QUERY, tcp=False)
    assert len(others.asked) == 3
    others.now = 6.0
    await forwarder.ask(QUERY, tcp=False)
    assert len(others.asked) == 4


async def test_other_servers_may_know_better_at_once(others: Others) -> None:
    forwarder = others.forwarder("192.0.2.1")
    others.negative = 3600
    await forwarder.ask(QUERY, tcp=False)
    others.conf.write_text("nameserver 192.0.2.22\n")
    await forwarder.ask(QUERY, tcp=False)
    assert others.asked == ["192.0.2.1", "192.0.2.22"]


async def test_equal_questions_share_one_answer(others: Others) -> None:
    forwarder = others.forwarder("192.0.2.1")
    others.gate.clear()
    asking = [
        asyncio.create_task(forwarder.ask(dataclasses.replace(QUERY, id=number), tcp=False))
        for number in range(5)
    ]
    await asyncio.sleep(0)
    others.gate.set()
    assert None not in await asyncio.gather(*asking)
    assert len(others.asked) == 1


async def test_who_was_overtaken_comes_last_for_a_while(others: Others) -> None:
    forwarder = others.forwarder("192.0.2.1", "192.0.2.2")
    others.silent.add("192.0.2.1")
    await forwarder.ask(QUERY, tcp=False)
    assert others.asked == ["192.0.2.1", "192.0.2.2"]
    await forwarder.ask(QUERY, tcp=False)
    assert others.asked[2:] == ["192.0.2.2"]
    others.now = forward.PENALTY + 1
    others.silent.clear()
    await forwarder.ask(QUERY, tcp=False)
    assert others.asked[3:] == ["192.0.2.1"]


async def test_too_many_different_questions_are_refused(
    others: Others, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "MOST_QUESTIONS", 2)
    forwarder = others.forwarder("192.0.2.1")
    others.gate.clear()
    asking = [
        asyncio.create_task(forwarder.ask(dataclasses.replace(QUERY, name=f"{n}.test"), tcp=False))
        for n in range(3)
    ]
    await asyncio.sleep(0)
    others.gate.set()
    assert [reply is None for reply in await asyncio.gather(*asking)] == [False, False, True]


async def test_closing_gives_up_what_is_open(others: Others) -> None:
    forwarder = others.forwarder("192.0.2.1")
    others.silent.add("192.0.2.1")
    asking = asyncio.create_task(forwarder.ask(QUERY, tcp=False))
    await asyncio.sleep(0.01)
    forwarder.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
