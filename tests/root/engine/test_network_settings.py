"""The daemon's settings of networks, as dockerd has them, on an engine in a network of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.conftest import running
from tests.engines import Engine


def _bridge(engine: Engine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(engine.output("network", "inspect", "bridge"))[0]
    return found


def test_the_default_bridge_as_it_is_wanted() -> None:
    options = (
        "--bip=10.77.0.1/24", "--fixed-cidr=10.77.0.128/25", "--mtu=1300", "--ipv6",
        "--fixed-cidr-v6=fd00:77::/64", "--icc=false", "--ip=127.0.0.1", "--dns=192.0.2.53",
        "--default-gateway=10.77.0.254",
    )  # fmt: skip
    with running("wherry", options, own_network=True) as engine:
        bridge = _bridge(engine)
        assert bridge["EnableIPv6"] is True
        v4, v6 = bridge["IPAM"]["Config"]
        assert (v4["Subnet"], v4["Gateway"], v4["IPRange"]) == (
            "10.77.0.0/24", "10.77.0.1", "10.77.0.128/25",
        )  # fmt: skip
        assert v4["AuxiliaryAddresses"] == {"DefaultGatewayIPv4": "10.77.0.254"}
        assert v6["Subnet"] == "fd00:77::/64"
        engine.output("run", "-d", "--name", "c1", "-p", "8080:80", "busybox", "sleep", "1000")
        inside = engine.output("exec", "c1", "sh", "-c", "ip addr show eth0; ip route; ip -6 route")
        assert "mtu 1300" in inside
        assert "inet 10.77.0.128/24" in inside
        assert "inet6 fd00:77::2/64" in inside
        assert "default via 10.77.0.254" in inside
        assert engine.output("port", "c1") == "80/tcp -> 127.0.0.1:8080"
        assert "nameserver 192.0.2.53" in engine.output("exec", "c1", "cat", "/etc/resolv.conf")
        engine.output("run", "-d", "--name", "c2", "busybox", "sleep", "1000")
        apart = engine.docker("exec", "c2", "ping", "-c", "1", "-W", "1", "10.77.0.128")
        assert apart.returncode != 0
        engine.output("rm", "-f", "c1", "c2")


def test_no_default_bridge() -> None:
    with running("wherry", ("--bridge=none",), own_network=True) as engine:
        names = engine.output("network", "ls", "--format", "{{.Name}}").split()
        assert names == ["host", "none"]
        assert "eth0" not in engine.output("run", "--rm", "busybox", "ip", "link")
        assert engine.in_network("ip", "-brief", "link", "show", "type", "bridge") == ""


def test_a_bridge_of_the_hosts_own() -> None:
    with running("wherry", ("--bridge=office",), own_network=True) as engine:
        assert _bridge(engine)["Options"]["com.docker.network.bridge.name"] == "office"
        engine.output("run", "--rm", "busybox", "true")
        assert "office" in engine.in_network("ip", "-brief", "link", "show", "type", "bridge")


def test_pools_and_other_settings_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"
    pool = {"base": "10.66.0.0/16", "size": 26}
    path.write_text(json.dumps({"default-address-pools": [pool], "profile": "wherry"}))
    with running("wherry", (f"--config={path}",), own_network=True) as engine:
        assert _bridge(engine)["IPAM"]["Config"][0]["Subnet"] == "10.66.0.0/26"
        engine.output("network", "create", "n1")
        made = json.loads(engine.output("network", "inspect", "n1"))[0]
        assert made["IPAM"]["Config"][0]["Subnet"] == "10.66.0.64/26"
        engine.output("run", "-d", "--name", "c1", "--network", "n1", "-p", "8080:80", "busybox",
                      "sleep", "1000")  # fmt: skip
        assert engine.output("port", "c1") == "80/tcp -> 127.0.0.1:8080"
        assert "profile=wherry" in engine.output("info", "--format", "{{.SecurityOptions}}")
        engine.output("rm", "-f", "c1")
        engine.output("network", "rm", "n1")


def test_settings_change_between_two_daemons() -> None:
    with running("wherry", ("--bip=10.78.0.1/24",), own_network=True) as engine:
        id = _bridge(engine)["Id"]
        engine.kill()
        engine.options = ("--bip=10.79.0.1/24",)
        engine.start()
        bridge = _bridge(engine)
        assert (bridge["Id"], bridge["IPAM"]["Config"][0]["Subnet"]) == (id, "10.79.0.0/24")
        inside = engine.output("run", "--rm", "busybox", "ip", "route")
        assert "default via 10.79.0.1" in inside
        addresses = engine.in_network("ip", "-4", "-brief", "address", "show", "type", "bridge")
        assert "10.79.0.1/24" in addresses
        assert "10.78.0.1" not in addresses
