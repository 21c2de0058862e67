"""The texts of /etc/resolv.conf and /etc/hosts."""

from __future__ import annotations

import pytest

from wherry.engine.containers.config import HostConfig
from wherry.engine.containers.spec import hostsfile, resolvfile
from wherry.engine.containers.spec.hostsfile import HOSTS, HostsLine
from wherry.engine.containers.spec.resolvfile import Wishes
from wherry.errors import Invalid

HOST = "# by dhcp\nnameserver 192.0.2.1\nsearch corp.test\noptions edns0\n"
STUB = "nameserver 127.0.0.53\noptions edns0\nsearch corp.test\n"


def test_user_networks_get_the_embedded_server_and_the_hosts_search() -> None:
    assert resolvfile.for_user_network(HOST, Wishes()) == (
        "nameserver 127.0.0.11\nsearch corp.test\noptions edns0 ndots:0\n"
    )


def test_a_chosen_ndots_stays_and_a_broken_one_goes() -> None:
    chosen = Wishes(options=("ndots:3",))
    assert "options ndots:3\n" in resolvfile.for_user_network(HOST, chosen)
    assert resolvfile.wishes_ndots(HOST, chosen)
    assert resolvfile.for_user_network("options ndots:x\n", Wishes()).endswith("options ndots:0\n")
    assert not resolvfile.wishes_ndots(HOST, Wishes())


def test_wishes_stand_in_place_of_the_hosts_lines() -> None:
    wishes = Wishes(("192.0.2.9",), ("a.test", "b.test"), ("timeout:1",))
    whole = "nameserver 192.0.2.9\nsearch a.test b.test\noptions timeout:1\n"
    assert resolvfile.for_bridge(HOST, wishes, ipv6=False) == whole
    assert resolvfile.for_host_network(HOST, wishes) == whole
    assert "search" not in resolvfile.for_user_network(HOST, Wishes(search=(".",)))


def test_the_containers_wishes_come_before_the_daemons() -> None:
    defaults = Wishes(("192.0.2.1",), ("daemon.test",), ())
    host = HostConfig(dns=("192.0.2.9",))
    assert Wishes.of(host, defaults) == Wishes(("192.0.2.9",), ("daemon.test",), ())


def test_the_default_bridge_gets_the_hosts_file_word_for_word() -> None:
    assert resolvfile.for_bridge(HOST, Wishes(), ipv6=False) == HOST


def test_servers_that_nobody_inside_can_reach_are_left_out() -> None:
    text = "nameserver 127.0.0.53\nnameserver 192.0.2.1\nnameserver 2001:db8::1\n"
    assert resolvfile.for_bridge(text, Wishes(), ipv6=False) == "nameserver 192.0.2.1\n"
    assert "127." not in resolvfile.for_bridge(text, Wishes(), ipv6=True)
    assert "2001:db8::1" in resolvfile.for_bridge(text, Wishes(), ipv6=True)


@pytest.mark.parametrize("of_host", [STUB, "", "nameserver ::1\n"])
def test_where_none_is_left_public_ones_are_used(of_host: str) -> None:
    text = resolvfile.for_bridge(of_host, Wishes(), ipv6=False)
    assert text.startswith("nameserver 8.8.8.8\nnameserver 8.8.4.4\n")


def test_a_users_loopback_server_is_left_alone() -> None:
    wishes = Wishes(dns=("127.0.0.1",))
    assert resolvfile.for_bridge(HOST, wishes, ipv6=False).startswith("nameserver 127.0.0.1\n")


def test_the_hosts_network_has_the_hosts_file() -> None:
    assert resolvfile.for_host_network(STUB, Wishes()) == STUB


def test_hosts_has_extras_links_and_own_addresses_in_dockers_order() -> None:
    host = HostConfig(extra_hosts=("a:1.2.3.4", "b=[::1]", "gw:host-gateway"))
    lines = [
        *hostsfile.extra_lines(host, ["172.17.0.1"]),
        HostsLine("10.0.0.3", "db abc123"),
        *hostsfile.own_lines("web", "", ["10.0.0.2"]),
    ]
    assert hostsfile.hosts(host, "", lines) == HOSTS + (
        "1.2.3.4\ta\n::1\tb\n172.17.0.1\tgw\n10.0.0.3\tdb abc123\n10.0.0.2\tweb\n"
    )


def test_a_full_name_comes_with_its_first_part() -> None:
    line = HostsLine("10.0.0.2", "web.corp.test web")
    assert hostsfile.own_lines("web", "corp.test", ["10.0.0.2"]) == [line]
    assert hostsfile.own_lines("web.corp.test", "", ["10.0.0.2"]) == [line]


def test_the_hosts_own_file_is_used_with_its_network_unless_there_is_something_to_add() -> None:
    host = HostConfig(network_mode="host")
    assert hostsfile.hosts(host, "10.0.0.1 me\n", []) == "10.0.0.1 me\n"
    assert hostsfile.hosts(host, "10.0.0.1 me\n", [HostsLine("1.2.3.4", "a")]).startswith(HOSTS)


def test_a_gateway_that_there_is_not_is_an_error() -> None:
    with pytest.raises(Invalid, match="host-gateway"):
        hostsfile.extra_lines(HostConfig(extra_hosts=("gw:host-gateway",)), [])


def test_lines_come_and_go_and_the_users_stay() -> None:
    text = HOSTS + "10.9.9.9\tmine\n10.0.0.2\tweb"
    line = HostsLine("10.1.0.2", "web")
    more = hostsfile.with_lines(text, [line])
    assert more.endswith("mine\n10.0.0.2\tweb\n10.1.0.2\tweb\n")
    assert hostsfile.without_lines(more, [line]) == text + "\n"
