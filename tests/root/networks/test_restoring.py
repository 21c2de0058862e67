"""What vanishes comes back, what is stale goes, and engines do not meddle with each other."""

from __future__ import annotations

import asyncio
import secrets
import time

from tests.root.networks.lab import HOST4, OUTSIDE4, SOON, Lab, ask
from wherry.engine.networks.drivers import Drivers
from wherry.engine.networks.firewall.watch import Watch

REPAIRED_WITHIN = 5.0


def test_flushed_rules_come_back_and_the_users_own_stay_away(lab: Lab) -> None:
    server = lab.container(lab.network())
    server.serve(80)
    lab.publish(server, 8080, 80)

    async def flush_and_wait(command: str) -> float:
        watch = Watch(lab.drivers.firewall, asyncio.Lock())
        try:
            lab.command("nft", *command.split())
            assert ask(lab.outside, HOST4, 8080, seconds=0.05) == ""
            begun = time.monotonic()
            while "iifname @bridges" not in lab.command("nft", "list", "ruleset"):
                assert time.monotonic() < begun + REPAIRED_WITHIN
                await asyncio.sleep(0.02)
            return time.monotonic() - begun
        finally:
            watch.close()

    name = lab.drivers.firewall.table.name
    for command in ("flush ruleset", f"delete table inet {name}", f"flush table inet {name}"):
        # In a thread of the host's namespace, where the daemon would be.
        lab.on_host(lambda command=command: asyncio.run(flush_and_wait(command)))
        assert ask(lab.outside, HOST4, 8080) == OUTSIDE4


def test_a_change_after_a_flush_brings_everything_back(lab: Lab) -> None:
    server = lab.container(lab.network())
    server.serve(80)
    lab.publish(server, 8080, 80)
    lab.command("nft", "flush", "ruleset")
    lab.publish(server, 8081, 80)
    assert ask(lab.outside, HOST4, 8080) == OUTSIDE4
    assert ask(lab.outside, HOST4, 8081) == OUTSIDE4


def test_a_new_daemon_takes_over_without_a_gap(lab: Lab) -> None:
    network, gone = lab.network(), lab.network()
    server = lab.container(network)
    server.serve(80)
    rows = lab.publish(server, 8080, 80)

    def take_over() -> Drivers:
        drivers = Drivers.open(lab.suffix)
        drivers.firewall.restore([network], rows)
        drivers.by_name["bridge"].restore([network], [server.endpoint])
        return drivers

    second = lab.on_host(take_over)
    assert ask(lab.outside, HOST4, 8080) == OUTSIDE4
    links = lab.command("ip", "-br", "link")
    assert network.bridge in links
    assert gone.bridge not in links
    lab.on_host(lambda: second.by_name["bridge"].remove(network))
    lab.on_host(lambda: second.close(remove=True))
    assert lab.command("nft", "list", "tables") == ""
    assert network.bridge not in lab.command("ip", "-br", "link")


def test_a_deleted_bridge_is_made_again_and_containers_are_plugged_in(lab: Lab) -> None:
    network = lab.network()
    server, client = lab.container(network), lab.container(network, 3)
    server.serve(80)
    lab.command("ip", "link", "delete", network.bridge)
    assert ask(client.sandbox, server.endpoint.ipv4, 80, seconds=SOON) == ""
    driver = lab.drivers.by_name["bridge"]
    lab.on_host(lambda: driver.restore([network], [server.endpoint, client.endpoint]))
    assert ask(client.sandbox, server.endpoint.ipv4, 80) == client.endpoint.ipv4


def test_engines_leave_each_other_alone(lab: Lab) -> None:
    network = lab.network()
    server = lab.container(network)
    server.serve(80)
    lab.publish(server, 8080, 80)

    def other_engine() -> None:
        drivers = Drivers.open(secrets.token_hex(4))
        drivers.firewall.restore([], [])
        drivers.by_name["bridge"].restore([], [])
        drivers.close(remove=True)

    lab.on_host(other_engine)
    assert ask(lab.outside, HOST4, 8080) == OUTSIDE4


def test_removing_twice_and_creating_twice_is_no_error(lab: Lab) -> None:
    network = lab.network()
    driver = lab.drivers.by_name["bridge"]
    lab.on_host(lambda: driver.create(network))
    lab.on_host(lambda: driver.remove(network))
    lab.on_host(lambda: driver.remove(network))
    assert network.bridge not in lab.command("ip", "-br", "link")
