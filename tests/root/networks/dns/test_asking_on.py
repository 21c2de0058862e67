"""What the server does not know itself: real servers, dead ones, changing ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.root.networks.dns.place import Dnsmasq, Place
from tests.root.networks.namespaces import Namespace
from wherry.engine.networks.dns.settings import ResolverSettings

Start = Callable[..., Dnsmasq]
UP, SECOND, DEAD = "10.9.0.1", "10.9.0.3", "10.9.0.66"


@pytest.fixture
def wired(place: Place, network: Namespace) -> Namespace:
    """Other servers' place, with a link to the container."""
    place.container.wire(network, "10.9.0.2/24", f"{UP}/24")
    network.run("ip", "address", "add", f"{SECOND}/24", "dev", "eth0")
    return network


async def test_other_names_are_asked_for_from_the_containers_namespace(
    place: Place, wired: Namespace, dnsmasq: Start
) -> None:
    server = dnsmasq(wired, UP, "--address=/up.test/192.0.2.7", "--address=/up.test/2001:db8::7")
    place.resolv_conf.write_text(f"nameserver {UP}\n")
    assert await place.dig("+short", "www.up.test") == "192.0.2.7\n"
    assert await place.dig("+short", "www.up.test", "AAAA") == "2001:db8::7\n"
    assert await place.dig("+short", "+tcp", "www.up.test") == "192.0.2.7\n"
    assert await place.dig("+short", "+noedns", "Other.Up.Test") == "192.0.2.7\n"
    assert "from 10.9.0.2" in server.log.read_text()


async def test_long_answers_come_over_tcp(place: Place, wired: Namespace, dnsmasq: Start) -> None:
    hosts = [f"--host-record=many.test,192.0.2.{number}" for number in range(1, 200)]
    dnsmasq(wired, UP, *hosts)
    place.resolv_conf.write_text(f"nameserver {UP}\n")
    assert len((await place.dig("+short", "many.test")).split()) == 199


async def test_a_dead_server_does_not_stop_names(
    place: Place, wired: Namespace, dnsmasq: Start
) -> None:
    dnsmasq(wired, UP, "--address=/up.test/192.0.2.7")
    wired.run("ip", "address", "add", f"{DEAD}/24", "dev", "eth0")
    wired.run("nft", "add table ip t")
    wired.run("nft", "add chain ip t i { type filter hook input priority 0; }")
    wired.run("nft", f"add rule ip t i ip daddr {DEAD} drop")
    place.resolv_conf.write_text(f"nameserver {DEAD}\nnameserver {UP}\n")
    for number in range(20):
        assert await place.dig("+short", "+timeout=4", f"w{number}.up.test") == "192.0.2.7\n"


async def test_a_server_that_is_not_there_at_all(
    place: Place, wired: Namespace, dnsmasq: Start
) -> None:
    dnsmasq(wired, UP, "--address=/up.test/192.0.2.7")
    place.resolv_conf.write_text(f"nameserver {SECOND}\nnameserver {UP}\n")  # refused port
    assert await place.dig("+short", "www.up.test") == "192.0.2.7\n"
    place.resolv_conf.write_text(f"nameserver {SECOND}\n")
    assert "status: SERVFAIL" in await place.dig("www.up.test")


async def test_the_hosts_file_is_followed_live(
    place: Place, wired: Namespace, dnsmasq: Start
) -> None:
    dnsmasq(wired, UP, "--address=/up.test/192.0.2.7")
    dnsmasq(wired, SECOND, "--address=/up.test/192.0.2.8")
    place.resolv_conf.write_text(f"nameserver {UP}\n")
    assert await place.dig("+short", "www.up.test") == "192.0.2.7\n"
    place.resolv_conf.write_text(f"# changed\nnameserver {SECOND}\n")
    assert await place.dig("+short", "www.up.test") == "192.0.2.8\n"


async def test_a_server_on_the_hosts_loopback_is_asked_from_there(
    place: Place, dnsmasq: Start
) -> None:
    server = dnsmasq(place.host, "127.0.0.53", "--address=/up.test/192.0.2.7")
    place.resolv_conf.write_text("nameserver 127.0.0.53\noptions edns0 trust-ad\n")
    assert await place.dig("+short", "www.up.test") == "192.0.2.7\n"
    assert server.questions("www.up.test") == 1


async def test_a_users_loopback_server_is_asked_inside(place: Place, dnsmasq: Start) -> None:
    dnsmasq(place.container, "127.0.0.1", "--address=/up.test/192.0.2.9")
    place.dns.configure("c", ResolverSettings(servers=("127.0.0.1",)))
    assert await place.dig("+short", "www.up.test") == "192.0.2.9\n"


async def test_a_no_is_passed_on(place: Place, wired: Namespace, dnsmasq: Start) -> None:
    """That it is kept for a moment is proved without a clock, in tests/unit."""
    dnsmasq(wired, UP, "--local=/up.test/")
    place.resolv_conf.write_text(f"nameserver {UP}\n")
    answers = await asyncio.gather(*(place.dig("gone.up.test") for _ in range(5)))
    assert all("status: NXDOMAIN" in answer for answer in answers)


async def test_a_new_container_is_found_although_a_no_is_kept(
    place: Place, wired: Namespace, dnsmasq: Start
) -> None:
    dnsmasq(wired, UP, "--local=/late/")
    place.resolv_conf.write_text(f"nameserver {UP}\n")
    assert "status: NXDOMAIN" in await place.dig("late")
    place.add("late", "10.0.0.9")
    assert await place.dig("+short", "late") == "10.0.0.9\n"


async def test_without_a_way_out_nobody_is_asked(place: Place, dnsmasq: Start) -> None:
    server = dnsmasq(place.host, "127.0.0.53", "--address=/up.test/192.0.2.7")
    place.resolv_conf.write_text("nameserver 127.0.0.53\n")
    place.dns.configure("c", ResolverSettings(forward=False))
    assert "status: SERVFAIL" in await place.dig("www.up.test")
    assert server.questions("www.up.test") == 0


async def test_ndots_of_the_user_keeps_single_words_inside(place: Place) -> None:
    place.dns.configure("c", ResolverSettings(ndots=True))
    answer = await place.dig("word")
    assert "status: NOERROR" in answer
    assert "ANSWER: 0" in answer


async def test_hundreds_at_once(place: Place, wired: Namespace, dnsmasq: Start) -> None:
    dnsmasq(wired, UP, "--address=/up.test/192.0.2.7", "--dns-forward-max=2000")
    place.resolv_conf.write_text(f"nameserver {UP}\n")
    batch = place.resolv_conf.with_name("batch")
    batch.write_text("".join(f"w{number}.up.test\n" for number in range(300)))
    digs = (place.dig("+short", "+timeout=10", "-f", str(batch)) for _ in range(3))
    assert [text.split() for text in await asyncio.gather(*digs)] == [["192.0.2.7"] * 300] * 3


async def test_detaching_while_questions_are_open(place: Place, wired: Namespace) -> None:
    wired.run("nft", "add table ip t")
    wired.run("nft", "add chain ip t i { type filter hook input priority 0; policy drop; }")
    place.resolv_conf.write_text(f"nameserver {UP}\n")
    asking = asyncio.create_task(place.dig("+timeout=2", "www.up.test"))
    await asyncio.sleep(0.3)
    place.dns.detach("c")
    assert "no servers could be reached" in await asking
