"""Links and what is inside a sandbox: MTU, addresses, default routes, macvlan, bad options."""

from __future__ import annotations

import asyncio
import dataclasses
import errno

import pytest

from tests.root.networks.lab import HOST4, OUTSIDE4, SOON, Container, Lab, ask, laboratory, serve
from wherry.engine.networks.pool import SandboxPool
from wherry.engine.networks.sandbox import Sandbox
from wherry.engine.networks.values import Endpoint, Network, Subnet
from wherry.errors import Conflict, Invalid, Unsupported
from wherry.kernel.netlink import address, link, route


def test_mtu_of_the_hosts_route() -> None:
    with laboratory(mtu=1300) as lab:
        container = lab.container(lab.network())
        assert link.by_name(container.sandbox.routes, "eth0").mtu == 1300
        chosen = lab.container(lab.network(mtu=1400))
        assert link.by_name(chosen.sandbox.routes, "eth0").mtu == 1400


def test_what_is_inside(lab: Lab) -> None:
    network = lab.network()
    container = lab.container(network, 7, mac="02:42:0a:0b:0c:0d", interface="eth3")
    routes = container.sandbox.routes
    inside = link.by_name(routes, "eth3")
    assert (inside.mac, inside.up) == ("02:42:0a:0b:0c:0d", True)
    found = {row.address for row in address.dump(routes, inside.index) if row.scope == 0}
    assert found == {container.endpoint.ipv4, container.endpoint.ipv6}
    gateways = {row.gateway for row in route.dump(routes) if row.is_default and row.gateway}
    assert gateways == {subnet.gateway for subnet in network.subnets}
    assert link.by_name(routes, "lo").up
    assert (
        lab.command("sysctl", "-n", "net.ipv4.ip_unprivileged_port_start", where=container.sandbox)
        == "0\n"
    )


def test_without_ipv6_there_is_none(lab: Lab) -> None:
    network = lab.network(enable_ipv6=False, subnets=(Subnet("10.251.0.0/24", "10.251.0.1"),))
    container = lab.container(network)
    index = link.by_name(container.sandbox.routes, "eth0").index
    rows = address.dump(container.sandbox.routes, index)
    assert [row.address for row in rows] == [container.endpoint.ipv4]


def test_second_network_and_the_default_route(lab: Lab) -> None:
    first, second = lab.network(), lab.network()
    container = lab.container(first)
    one = container.endpoint
    container.join(second, 5, interface="eth1", default_v4=False, default_v6=False)
    two = container.endpoint
    assert _default(container) == one.gateway4
    driver = lab.drivers.by_name["bridge"]

    def swap() -> None:
        driver.reroute(container.sandbox, first, _with(one, default_v4=False, default_v6=False))
        driver.reroute(container.sandbox, second, _with(two, default_v4=True, default_v6=True))

    lab.on_host(swap)
    assert _default(container) == two.gateway4
    lab.on_host(lambda: driver.leave(container.sandbox, second, two))
    assert link.find(container.sandbox.routes, "eth1") is None
    assert link.find(lab.host.routes, two.host_link) is None
    lab.on_host(lambda: driver.reroute(container.sandbox, first, one))
    assert _default(container) == one.gateway4


def _with(endpoint: Endpoint, **more: object) -> Endpoint:
    return dataclasses.replace(endpoint, **more)  # type: ignore[arg-type]


def _default(container: Container) -> str:
    rows = route.dump(container.sandbox.routes)
    (gateway,) = {row.gateway for row in rows if row.is_default and not row.is_v6 and row.gateway}
    return gateway


def test_a_bridge_of_the_users_own_is_kept(lab: Lab) -> None:
    lab.command("ip", "link", "add", "mine0", "type", "bridge")
    network = lab.network(bridge="mine0")
    lab.on_host(lambda: lab.drivers.by_name["bridge"].remove(network))
    assert link.by_name(lab.host.routes, "mine0").kind == "bridge"
    with pytest.raises(Conflict, match="uplink"):
        lab.network(bridge="uplink")


def test_join_that_fails_leaves_no_link(lab: Lab) -> None:
    network = lab.network()
    before = len(link.dump(lab.host.routes))
    with Sandbox.make() as sandbox, pytest.raises(OSError) as caught:
        Container(lab, sandbox).join(network, default_v4=True, gateway4="192.0.2.77")
    assert caught.value.errno == errno.ENETUNREACH
    assert len(link.dump(lab.host.routes)) == before


def test_macvlan(lab: Lab) -> None:
    subnets = (Subnet("198.51.100.0/24", OUTSIDE4),)
    network = lab.network(
        driver="macvlan", bridge="", subnets=subnets, enable_ipv6=False,
        options={"parent": "uplink"},
    )  # fmt: skip
    container = lab.container(network, 9)
    serve(lab, lab.outside, 7)
    assert ask(container.sandbox, OUTSIDE4, 7) == "198.51.100.9"
    # A macvlan link and the host's own do not talk to each other (macvlan's nature).
    serve(lab, lab.host, 7)
    assert ask(container.sandbox, HOST4, 7, seconds=SOON) == ""


def test_ipvlan_or_a_plain_word_about_the_kernel(lab: Lab) -> None:
    subnets = (Subnet("198.51.100.0/24", OUTSIDE4),)
    network = lab.network(
        driver="ipvlan", bridge="", subnets=subnets, enable_ipv6=False,
        options={"parent": "uplink"},
    )  # fmt: skip
    try:
        container = lab.container(network, 9)
    except Unsupported as error:
        assert error.hint == "load the module ipvlan"
        pytest.skip("this kernel has no ipvlan")
    serve(lab, lab.outside, 7)
    assert ask(container.sandbox, OUTSIDE4, 7) == "198.51.100.9"


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        ("macvlan", {"macvlan_mode": "fast", "parent": "uplink"}),
        ("ipvlan", {"ipvlan_mode": "l4", "parent": "uplink"}),
        ("macvlan", {"parent": "nowhere0"}),
        ("macvlan", {"parent": "uplink.5000"}),
    ],
)
def test_bad_options(lab: Lab, driver: str, options: dict[str, str]) -> None:
    with pytest.raises(Invalid) as caught:
        lab.network(driver=driver, bridge="", options=options)
    assert caught.value.hint


def test_pool_prepares_and_gives_up(lab: Lab) -> None:
    network = lab.network()

    async def use() -> None:
        pool = SandboxPool()
        try:
            first = await pool.take()
            while pool.size < 2:
                await asyncio.sleep(0.01)
            second = await pool.take()
            for sandbox, number in ((first, 2), (second, 3)):
                spare = sandbox.spare
                assert spare is not None
                _join_here(lab, sandbox, network, number)
                assert sandbox.spare is None
                sandbox.close()
        finally:
            await pool.close()
        assert pool.size == 0

    lab.on_host(lambda: asyncio.run(use()))


def _join_here(lab: Lab, sandbox: Sandbox, network: Network, number: int) -> None:
    driver = lab.drivers.by_name["bridge"]
    v4 = network.subnets[0].cidr.replace("0/24", str(number))
    endpoint = Endpoint("e", network.id, "c", ipv4=v4, ipv4_prefix=24, interface="eth0")
    joined = driver.join(sandbox, network, endpoint)
    assert joined.interface == "eth0"
    assert joined.mac == link.by_name(sandbox.routes, "eth0").mac
