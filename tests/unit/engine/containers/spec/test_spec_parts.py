"""Capabilities, limits, devices, security options, files: each part as a value."""

from __future__ import annotations

import pytest

from wherry.engine.containers.config import DeviceMapping, HostConfig, Ulimit
from wherry.engine.containers.spec import capabilities, devices, limits, seccomp
from wherry.engine.containers.spec.namespaces import borrowed, namespace_path, namespaces
from wherry.errors import Invalid
from wherry.kernel.capability import NAMES


def effective(add: tuple[str, ...] = (), drop: tuple[str, ...] = ()) -> tuple[str, ...]:
    return capabilities.effective(add, drop, privileged=False, known=NAMES)


def test_docker_s_default_capabilities() -> None:
    assert len(effective()) == 14


def test_capabilities_added_and_dropped() -> None:
    assert "CAP_SYS_ADMIN" in effective(add=("sys_admin",))
    assert "CAP_CHOWN" not in effective(drop=("CAP_CHOWN",))
    assert effective(add=("chown",), drop=("all",)) == ("CAP_CHOWN",)
    assert set(effective(add=("ALL",), drop=("kill",))) == set(NAMES) - {"CAP_KILL"}


def test_an_unknown_capability() -> None:
    with pytest.raises(Invalid) as caught:
        capabilities.normalize(("nope",), "CapAdd")
    assert caught.value.message == 'invalid CapAdd: unknown capability: "nope"'


def test_limits_that_are_not_set_are_left_out() -> None:
    assert limits.resources(HostConfig()) == {}


def test_limits() -> None:
    given = HostConfig(memory=10, memory_swap=-1, nano_cpus=500_000_000, pids_limit=0)
    assert limits.resources(given) == {
        "memory": {"limit": 10, "swap": -1},
        "cpu": {"period": 100_000, "quota": 50_000},
        "pids": {"limit": -1},
    }


def test_rlimits_keep_the_default_for_files() -> None:
    given = HostConfig(ulimits=(Ulimit("core", -1, -1),))
    assert limits.rlimits(given, (1024, 2048)) == [
        {"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 2048},
        {"type": "RLIMIT_CORE", "soft": 2**64 - 1, "hard": 2**64 - 1},
    ]


def test_a_device_gives_a_node_and_a_rule() -> None:
    mapping = DeviceMapping("/dev/null", "/dev/nothing", "r")
    nodes, rules = devices.nodes_and_rules(HostConfig(devices=(mapping,)))
    assert (nodes[0]["path"], nodes[0]["major"], nodes[0]["minor"]) == ("/dev/nothing", 1, 3)
    assert rules[-1] == {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"}
    assert rules[0]["allow"] is False


def test_what_is_no_device() -> None:
    with pytest.raises(Invalid, match="not a device node"):
        devices.nodes_and_rules(HostConfig(devices=(DeviceMapping("/etc/passwd", "/x", "rwm"),)))


def test_device_rules() -> None:
    assert devices.parse_rule("c 10:* rw")["minor"] == -1
    with pytest.raises(Invalid, match="invalid device cgroup rule format"):
        devices.parse_rule("x 1:2 rwm")


def test_seccomp_programs_are_compiled_once() -> None:
    programs = seccomp.SeccompPrograms("x86_64", (6, 1))
    first = programs.program("", ["CAP_CHOWN"])
    assert first is programs.program("", ["CAP_CHOWN"])
    assert first != programs.program("", ["CAP_SYS_ADMIN"])
    assert programs.program("unconfined", []) is None


def test_borrowed_namespaces() -> None:
    host = HostConfig(network_mode="container:web", pid_mode="host", cgroupns_mode="host")
    assert borrowed(host) == {"network": "web"}
    assert namespaces(host, {"network": namespace_path(7, "network")}) == [
        {"type": "mount"},
        {"type": "network", "path": "/proc/7/ns/net"},
        {"type": "uts"},
        {"type": "ipc"},
    ]
