"""The DNS server of a container, asked by real resolvers in a real namespace."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import struct
import sys

import pytest

from tests.root.networks.dns.place import SERVER, Place
from wherry.engine.networks.dns.encode import encode_name
from wherry.engine.networks.dns.settings import ResolverSettings


async def test_dig_over_udp_and_tcp(place: Place) -> None:
    place.add("web", "10.0.0.3", aliases="www")
    assert await place.dig("+short", "web") == "10.0.0.3\n"
    assert await place.dig("+short", "WWW.net1") == "10.0.0.3\n"
    assert await place.dig("+short", "+tcp", "web") == "10.0.0.3\n"
    assert await place.dig("+short", "me", "AAAA") == "fd00::2\n"
    assert await place.dig("+short", "-x", "10.0.0.3") == "web.net1.\n"


@pytest.mark.parametrize("type_", ["AAAA", "TXT", "MX", "HTTPS"])
async def test_a_name_without_such_records_exists_all_the_same(place: Place, type_: str) -> None:
    place.add("web", "10.0.0.3")
    answer = await place.dig("web", type_)
    assert "status: NOERROR" in answer
    assert "ANSWER: 0" in answer


async def test_edns_versions_and_flags(place: Place) -> None:
    assert "EDNS: version: 0" in await place.dig("me")
    assert "EDNS" not in await place.dig("+noedns", "me")
    bad = await place.dig("+edns=1", "+noednsnegotiation", "+nobadcookie", "me")
    assert "status: BADVERS" in bad


async def test_many_addresses_come_over_tcp_by_themselves(place: Place) -> None:
    for number in range(100):
        place.add(f"w{number}", f"10.0.1.{number}", aliases="many")
    lines = (await place.dig("+short", "+noedns", "many")).split()
    assert sorted(lines) == sorted(f"10.0.1.{number}" for number in range(100))
    cut = await place.dig("+noedns", "+ignore", "many")
    assert "flags: qr tc" in cut


async def test_addresses_behind_one_alias_take_turns(place: Place) -> None:
    place.add("a", "10.0.0.3", aliases="service")
    place.add("b", "10.0.0.4", aliases="service")
    first = set()
    for _ in range(40):
        first.add((await place.dig("+short", "service")).split()[0])
        if len(first) == 2:
            return
    raise AssertionError(f"always the same: {first}")


async def test_who_leaves_is_not_found_any_more(place: Place) -> None:
    place.add("web", "10.0.0.3")
    assert await place.dig("+short", "web") == "10.0.0.3\n"
    place.names.leave("ep-web")
    assert "status: SERVFAIL" in await place.dig("web")  # nobody else can be asked here


RESOLVE = """
import socket, sys
print(sorted({row[4][0] for row in socket.getaddrinfo(sys.argv[1], 80)}))
print(socket.gethostbyaddr(sys.argv[2])[0])
"""


async def test_the_c_librarys_resolver(place: Place) -> None:
    conf = place.resolv_conf.with_name("inside.conf")
    conf.write_text(f"nameserver {SERVER}\noptions ndots:0\n")
    nss = place.resolv_conf.with_name("nsswitch.conf")
    nss.write_text("hosts: dns\n")
    script = (
        f"mount --bind {conf} /etc/resolv.conf && mount --bind {nss} /etc/nsswitch.conf && "
        'exec "$@"'
    )
    wrap = ("unshare", "--mount", "sh", "-c", script, "sh")
    text = await place.container.output(*wrap, sys.executable, "-c", RESOLVE, "me", "10.0.0.2")
    assert text == "['10.0.0.2', 'fd00::2']\nme.net1\n"
    assert "fd00::2" in await place.container.output(*wrap, "getent", "hosts", "me")


async def test_busybox(place: Place) -> None:
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("busybox is not installed")
    text = await place.container.output(busybox, "nslookup", "me", SERVER)
    assert "10.0.0.2" in text
    assert "fd00::2" in text


async def test_the_container_may_listen_on_port_53_itself(place: Place) -> None:
    def listen() -> socket.socket:
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.bind(("0.0.0.0", 53))
        return own

    with place.container.call(listen):
        assert await place.dig("+short", "me") == "10.0.0.2\n"


async def test_connections_of_the_container_are_not_tracked(place: Place) -> None:
    """With rules that want tracking in the container, our questions still take no entry."""
    place.container.run("nft", "add table ip t")
    place.container.run(
        "nft", "add chain ip t o { type filter hook output priority 0; policy accept; }"
    )
    place.container.run("nft", "add rule ip t o ct state new,established counter")
    place.container.run("nft", "add rule ip t o ct state invalid counter drop")
    assert await place.dig("+short", "me") == "10.0.0.2\n"
    assert await place.dig("+short", "+tcp", "me") == "10.0.0.2\n"
    rules = place.container.run("nft", "list", "chain", "ip", "t", "o")
    assert rules.count("counter packets 0 bytes 0") == 2


async def test_a_new_daemon_answers_at_the_same_ports(place: Place) -> None:
    place.dns.close()
    assert "no servers could be reached" in await place.dig("+timeout=1", "me")
    await place.dns.restore("c", place.container.fd, place.ports, ResolverSettings())
    assert await place.dig("+short", "me") == "10.0.0.2\n"
    assert await place.dig("+short", "+tcp", "me") == "10.0.0.2\n"


async def test_what_came_before_the_server_is_answered(place: Place) -> None:
    """Queries that wait in a prepared namespace's sockets are not lost."""
    place.dns.close()
    from wherry.engine.networks.dns.inside import call_inside
    from wherry.engine.networks.dns.sockets import reopen_inside

    listening = await call_inside(place.container.fd, lambda: reopen_inside(place.ports))
    asking = asyncio.create_task(place.dig("+short", "me"))
    await asyncio.sleep(0.2)
    place.dns.attach("c", listening, ResolverSettings())
    assert await asking == "10.0.0.2\n"


def ask_many(count: int, per_second: int) -> list[int]:
    """Ask at a steady pace from a blocking client; the ids that were answered rightly."""
    import time

    body = encode_name("me") + struct.pack("!HH", 1, 1)
    answered: list[int] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((SERVER, 53))
        sock.settimeout(5)
        sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)  # SO_RCVBUFFORCE
        begin = time.monotonic()
        for number in range(count):
            sock.send(struct.pack("!6H", number, 0x100, 1, 0, 0, 0) + body)
            pause = begin + number / per_second - time.monotonic()
            if pause > 0:
                time.sleep(pause)
        try:
            while len(answered) < count:
                data = sock.recv(512)
                assert data.endswith(bytes((10, 0, 0, 2)))
                answered.append(struct.unpack_from("!H", data)[0])
        except TimeoutError:
            pass
    return answered


async def test_a_thousand_questions_a_second_and_none_is_lost(place: Place) -> None:
    """Losses are counted; the pace is the client's, and how long it took does not matter."""
    answered = await asyncio.to_thread(place.container.call, lambda: ask_many(5000, 1000))
    assert sorted(answered) == list(range(5000))


async def test_a_burst_waits_in_the_kernel(place: Place) -> None:
    answered = await asyncio.to_thread(place.container.call, lambda: ask_many(1000, 1_000_000))
    assert sorted(answered) == list(range(1000))


async def test_noise_is_not_answered_and_does_no_harm(place: Place) -> None:
    def shout() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((SERVER, 53))
            for size in range(100):
                sock.send(os.urandom(size))
            # an answer of another server, which must not be answered again
            sock.send(struct.pack("!6H", 1, 0x8180, 0, 0, 0, 0))

    await asyncio.to_thread(place.container.call, shout)
    assert await place.dig("+short", "me") == "10.0.0.2\n"


async def test_silent_and_broken_tcp_clients_are_sent_away(place: Place) -> None:
    def connect() -> list[socket.socket]:
        return [socket.create_connection((SERVER, 53), 5) for _ in range(40)]

    clients = await asyncio.to_thread(place.container.call, connect)
    clients[0].sendall(b"\xff\xff" + b"x" * 100)
    for client in clients:
        client.close()
    await asyncio.sleep(0.1)
    assert await place.dig("+short", "+tcp", "me") == "10.0.0.2\n"


async def test_nothing_is_left(place: Place) -> None:
    before = len(os.listdir("/proc/self/fd"))
    from tests.root.networks.namespaces import Namespace
    from wherry.engine.networks.dns.sockets import prepare_inside

    for number in range(5):
        other = Namespace()
        place.dns.attach(f"x{number}", other.call(prepare_inside), ResolverSettings())
        other.close()
        place.dns.detach(f"x{number}")
    assert len(os.listdir("/proc/self/fd")) == before
