"""Bad input: kinds and Docker's words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from wherry.engine.containers.checks import config, host, network, resources, security
from wherry.engine.containers.config import (
    ContainerConfig,
    HostConfig,
    LogConfig,
    PortBinding,
    RestartPolicy,
    ThrottleDevice,
    Ulimit,
    WeightDevice,
)
from wherry.engine.containers.create import check_name
from wherry.errors import Invalid, Unsupported, WherryError

MACHINE = resources.HostLimits({"MemoryLimit": True}, frozenset({0, 1}), frozenset({0}))
ALL = resources.HostLimits(
    dict.fromkeys([row.needs for row in resources.MISSING], True), frozenset({0}), frozenset({0})
)

ROWS: list[tuple[Callable[[], object], type[WherryError], str]] = [
    (lambda: config.check(ContainerConfig(env=("=x",))), Invalid, "invalid environment variable"),
    (lambda: config.check(ContainerConfig(env=("A=" + "x" * 200_000,))), Invalid, "A is too long"),
    (lambda: config.check(ContainerConfig(cmd=("a\0b",))), Invalid, "NUL byte"),
    (
        lambda: config.check(ContainerConfig(working_dir="tmp")),
        Invalid,
        "the working directory 'tmp' is invalid, it needs to be an absolute path",
    ),
    (lambda: config.check(ContainerConfig(stop_signal="SIGX")), Invalid, "Invalid signal: SIGX"),
    (lambda: config.check(ContainerConfig(hostname="x" * 65)), Invalid, "too long"),
    (lambda: config.check(ContainerConfig(exposed_ports=("0/tcp",))), Invalid, "invalid port"),
    (
        lambda: host.check(HostConfig(auto_remove=True, restart_policy=RestartPolicy("always"))),
        Invalid,
        "can't create 'AutoRemove' container with restart policy",
    ),
    (
        lambda: host.check(HostConfig(restart_policy=RestartPolicy("some"))),
        Invalid,
        "unknown policy 'some'",
    ),
    (
        lambda: host.check(HostConfig(restart_policy=RestartPolicy("always", 3))),
        Invalid,
        "maximum retry count can only be used with 'on-failure'",
    ),
    (lambda: host.check(HostConfig(extra_hosts=("x",))), Invalid, 'bad format for add-host: "x"'),
    (lambda: host.check(HostConfig(cap_add=("x",))), Invalid, 'unknown capability: "x"'),
    (lambda: host.check(HostConfig(ipc_mode="x")), Invalid, "invalid IPC mode: x"),
    (lambda: host.check(HostConfig(pid_mode="container:")), Invalid, "invalid PID mode"),
    (lambda: host.check(HostConfig(oom_score_adj=2000)), Invalid, "range for oom score adj"),
    (
        lambda: host.check(HostConfig(log_config=LogConfig("syslog"))),
        Unsupported,
        "logger: no log driver named 'syslog' is registered",
    ),
    (lambda: resources.check(HostConfig(memory=1), ALL), Invalid, "Minimum memory limit"),
    (
        lambda: resources.check(HostConfig(memory_swap=1), ALL),
        Invalid,
        "You should always set the Memory limit",
    ),
    (
        lambda: resources.check(HostConfig(nano_cpus=99 * 10**9), ALL),
        Invalid,
        "range of CPUs is from 0.01 to 1.00, as there are only 1 CPUs available",
    ),
    (
        lambda: resources.check(HostConfig(cpuset_cpus="7"), ALL),
        Invalid,
        "Requested CPUs are not available - requested 7, available: 0",
    ),
    (lambda: resources.check(HostConfig(cpuset_cpus="a"), ALL), Invalid, "Invalid value a"),
    (
        lambda: resources.check(HostConfig(ulimits=(Ulimit("nofile", 1, 2),)), ALL),
        Invalid,
        "soft limit must be less than or equal to hard limit",
    ),
    (
        lambda: network.check(
            ContainerConfig(hostname="x"), HostConfig(network_mode="container:a")
        ),
        Invalid,
        "conflicting options: hostname and the network mode",
    ),
    (
        lambda: network.check(
            ContainerConfig(), HostConfig(port_bindings={"80/tcp": (PortBinding("", "70000"),)})
        ),
        Invalid,
        'invalid port specification: "70000"',
    ),
    (lambda: check_name("-x"), Invalid, "Invalid container name (-x), only"),
    (lambda: check_name("a/b"), Invalid, "Invalid container name"),
]


@pytest.mark.parametrize(("call", "kind", "words"), ROWS, ids=[row[2][:40] for row in ROWS])
def test_bad_input(call: Callable[[], object], kind: type[WherryError], words: str) -> None:
    with pytest.raises(WherryError) as caught:
        call()
    assert type(caught.value) is kind
    assert words in caught.value.message


def test_good_input() -> None:
    config.check(ContainerConfig(env=("A=1", "B"), exposed_ports=("8000-8010/udp",)))
    host.check(HostConfig(extra_hosts=("a:1.2.3.4", "b:host-gateway"), runtime="runc"))
    resources.check(HostConfig(memory=2**24, memory_swap=2**25, cpuset_cpus="0"), ALL)
    network.check(ContainerConfig(), HostConfig(network_mode="host"))


def test_what_the_host_cannot_limit_is_dropped_with_a_warning() -> None:
    given, warnings = resources.without_missing(HostConfig(pids_limit=5, memory=2**24), MACHINE)
    assert (given.pids_limit, given.memory) == (None, 2**24)
    assert "PIDs limit discarded" in warnings[0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"memory_swappiness": 10}, "Memory swappiness discarded."),
        ({"blkio_weight": 100}, "Weight discarded."),
        ({"blkio_weight_device": (WeightDevice("/dev/x", 5),)}, "Weight-device discarded."),
        ({"blkio_device_read_bps": (ThrottleDevice("/dev/x", 5),)},
         "BPS Block I/O read limit or the cgroup is not mounted. Block I/O BPS read limit"),
        ({"blkio_device_write_iops": (ThrottleDevice("/dev/x", 5),)},
         "IOPS Block write limit or the cgroup is not mounted. IOPS Block write limit"),
    ],
)  # fmt: skip
def test_warnings_of_dockerd(fields: dict[str, Any], words: str) -> None:
    given, warnings = resources.without_missing(HostConfig(**fields), MACHINE)
    assert not any(getattr(given, name) for name in fields)
    (warning,) = warnings
    assert words in warning
    assert not resources.without_missing(HostConfig(**fields), ALL)[1]


def test_real_time_needs_a_kernel_that_has_it() -> None:
    with pytest.raises(Invalid, match="does not support CPU real-time scheduler"):
        resources.check(HostConfig(cpu_realtime_runtime=1000), MACHINE)
    able = dataclasses.replace(MACHINE, works={"CPURealtime": True})
    resources.check(HostConfig(cpu_realtime_runtime=1000), able)


@pytest.mark.parametrize(("hard", "asked"), [(2000, "2000"), (-1, "unlimited")])
def test_a_hard_limit_above_the_engine_s(hard: int, asked: str) -> None:
    bound = dataclasses.replace(MACHINE, hard_limits={"nofile": 1000})
    limits = HostConfig(ulimits=(Ulimit("nofile", hard, hard),))
    with pytest.raises(Invalid, match=f"the hard limit {asked} is above the engine's own, 1000"):
        resources.check(limits, bound)
    resources.check(limits, MACHINE)
    resources.check(HostConfig(ulimits=(Ulimit("nofile", 1000, 5),)), bound)


def test_lists_of_processors() -> None:
    assert resources.parse_list("0-2,5\n") == {0, 1, 2, 5}
    assert resources.parse_list("") == frozenset()


@pytest.mark.parametrize("update", [False, True])
@pytest.mark.parametrize("field", ["kernel_memory", "kernel_memory_tcp"])
def test_limits_that_the_kernel_does_not_have(field: str, update: bool) -> None:
    limited = HostConfig(**{field: 50 << 20})
    with pytest.raises(Invalid, match="kernel memory are not supported") as raised:
        resources.check(limited, ALL, update=update)
    assert "--memory" in raised.value.hint


@pytest.mark.parametrize(
    ("option", "mode", "version", "warned"),
    [
        ("writable-cgroups", "", "1", True),
        ("writable-cgroups=true", "host", "2", True),
        ("writable-cgroups", "private", "2", False),
        ("writable-cgroups=false", "", "1", False),
    ],
)
def test_limits_that_the_container_can_lift(
    option: str, mode: str, version: str, warned: bool
) -> None:
    host = HostConfig(security_opt=(option,), cgroupns_mode=mode)
    assert bool(security.warnings(host, version)) == warned
