"""A plan is a value: what it says follows from the spec alone."""

from __future__ import annotations

import marshal
from typing import Any

import pytest

from wherry.kernel.mount import MS_REC, MS_SLAVE, Mount
from wherry.kernel.namespace import (
    CLONE_NEWCGROUP,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
)
from wherry.runtime.plan import CgroupPlace, describe, plan_join, plan_launch

PLACE = CgroupPlace(
    ["/cg/pids/tasks"],
    into="/cg/unified",
    directories={"cpu": "/cg/c", "cpuacct": "/cg/c", "name=systemd": "/cg/s"},
)


def launch(spec: dict[str, Any], **options: Any) -> dict[str, Any]:
    options.setdefault("rootfs", "/root")
    return plan_launch(spec, cgroup=PLACE, **options)


def names(plan: dict[str, Any]) -> list[str]:
    return [step[0] for step in plan["steps"]]


def step(plan: dict[str, Any], name: str) -> tuple[Any, ...]:
    found: tuple[Any, ...] = next(step for step in plan["steps"] if step[0] == name)
    return found


def test_the_smallest_spec() -> None:
    plan = launch({"process": {"args": ["true"]}})
    assert names(plan) == [
        "cgroup", "rootfs", "devices", "device_links", "environment", "ids", "cwd", "stdio",
        "umask", "identity", "find", "close_fds", "capabilities", "exec",
    ]  # fmt: skip
    assert step(plan, "cgroup") == ("cgroup", ["/cg/pids/tasks"], False)
    assert step(plan, "rootfs") == ("rootfs", None, MS_SLAVE | MS_REC, True)
    assert (plan["clone"], plan["enter"], plan["into"]) == (0, [], "/cg/unified")


def test_plans_are_plain_data() -> None:
    plan = launch({"process": {"args": ["true"], "env": ["A=\udcff"]}}, seccomp=b"\0" * 80)
    assert marshal.loads(marshal.dumps(plan, 2)) == plan


def test_namespaces_are_made_or_entered() -> None:
    plan = launch(
        {
            "linux": {
                "namespaces": [
                    {"type": "pid"},
                    {"type": "mount"},
                    {"type": "cgroup"},
                    {"type": "network", "path": ("fd", 3)},
                ]
            }
        }
    )
    assert plan["clone"] == CLONE_NEWPID | CLONE_NEWNS
    assert plan["enter"] == [(CLONE_NEWNET, ("fd", 3))]
    assert step(plan, "cgroup")[2] is True
    assert "loopback" not in names(plan)


def test_unknown_words_are_refused() -> None:
    for spec, text in (
        ({"linux": {"namespaces": [{"type": "moon"}]}}, "namespace type 'moon'"),
        ({"process": {"capabilities": {"bounding": ["CAP_X"]}}}, "capability 'CAP_X'"),
        ({"process": {"rlimits": [{"type": "R", "soft": 1, "hard": 1}]}}, "limit 'R'"),
        ({"linux": {"rootfsPropagation": "odd"}}, "rootfsPropagation 'odd'"),
        ({"linux": {"personality": {"domain": "BSD"}}}, "personality 'BSD'"),
    ):
        with pytest.raises(ValueError, match=text):
            launch(spec)


def test_root_is_one_overlay_or_bind() -> None:
    overlay = Mount("overlay", "overlay", "/", ["lowerdir+=/a", "upperdir=/u", "workdir=/w"])
    assert launch({}, rootfs=[overlay])["root"] == ("overlay", overlay.options)
    assert launch({}, rootfs=[Mount("bind", "/plain")])["root"] == ("bind", "/plain")
    assert launch({}, rootfs=("fd", 2))["root"] == ("bind", ("fd", 2))
    with pytest.raises(ValueError, match="one mount"):
        launch({}, rootfs=[overlay, overlay])


def test_user_namespace_brings_maps_and_a_dev_made_outside() -> None:
    rows = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    plan = launch(
        {
            "mounts": [
                {"destination": "/proc", "type": "proc"},
                {"destination": "/dev", "type": "tmpfs", "options": ["mode=755"]},
            ],
            "linux": {
                "namespaces": [{"type": "user"}],
                "uidMappings": rows,
                "gidMappings": rows,
            },
        }
    )
    assert plan["clone"] == CLONE_NEWUSER
    assert plan["maps"] == (b"0 100000 65536\n", b"0 100000 65536\n")
    assert plan["devices"][0] == ["mode=755"]
    assert "/dev/null" in [node[0] for node in plan["devices"][1]]
    early = ["cgroup", "open_stage", "become_root", "prepare", "rootfs", "mount", "devfs"]
    assert names(plan)[:7] == early
    assert "devices" not in names(plan)


def test_cgroup_view_is_bound_without_a_namespace_of_its_own() -> None:
    mounts = [{"destination": "/sys/fs/cgroup", "type": "cgroup", "options": ["ro"]}]
    bound = launch({"mounts": mounts})
    assert bound["sources"] == [("/cg/c", False, None), ("/cg/s", False, None)]
    assert step(bound, "cgroup_v1")[3] == [(["cpu", "cpuacct"], 0), (["name=systemd"], 1)]
    own = launch({"mounts": mounts, "linux": {"namespaces": [{"type": "cgroup"}]}})
    assert own["sources"] == []
    assert step(own, "cgroup_v1")[3] == [(["cpu", "cpuacct"], None), (["name=systemd"], None)]
    assert own["clone"] & CLONE_NEWCGROUP == 0  # unshared by the child, once it is in its cgroup


def test_bind_with_everything() -> None:
    plan = launch(
        {
            "mounts": [
                {
                    "destination": "/data",
                    "source": ("fd", 0),
                    "type": "bind",
                    "options": ["rbind", "rro", "nosuid", "rshared"],
                }
            ]
        }
    )
    assert plan["sources"] == [(("fd", 0), True, None)]
    assert step(plan, "bind") == ("bind", 0, "/data", (2, 0), (1, 0, (1 << 20, True)), "")


def test_dev_of_someone_else_is_left_alone() -> None:
    plan = launch({"mounts": [{"destination": "/dev", "source": "/dev", "type": "bind"}]})
    assert not {"devices", "device_links"} & set(names(plan))


def test_order_of_what_takes_rights_away() -> None:
    process = {
        "args": ["true"],
        "noNewPrivileges": True,
        "apparmorProfile": "docker-default",
        "capabilities": {"bounding": ["CAP_CHOWN"], "effective": ["CAP_KILL"]},
    }
    plan = launch({"process": process}, seccomp=(b"12345678", 2), terminal=True, keyring="_ses.x")
    assert names(plan)[0] == "open_label"
    assert names(plan)[-6:] == [
        "label", "no_new_privs", "close_fds", "seccomp", "capabilities", "exec",
    ]  # fmt: skip
    assert step(plan, "identity") == ("identity", 1)
    assert step(plan, "capabilities") == ("capabilities", 1 << 5, 0, 0, 0)
    assert step(plan, "seccomp") == ("seccomp", b"12345678", 2)
    assert step(plan, "stdio") == ("stdio", True)
    assert step(plan, "keyring") == ("keyring", "_ses.x")


def test_sysctl_has_two_spellings() -> None:
    names_ = {"net.ipv4.ip_forward": "1", "net/ipv4/conf/eth0.1/forwarding": "0"}
    plan = launch({"linux": {"sysctl": names_}})
    assert step(plan, "sysctl")[1] == [
        ("net/ipv4/ip_forward", "1"),
        ("net/ipv4/conf/eth0.1/forwarding", "0"),
    ]


def test_user_text_wins_over_numbers() -> None:
    process = {"user": {"uid": 1, "gid": 2, "additionalGids": [3]}}
    assert step(launch({"process": process}), "ids") == ("ids", 1, 2, [3])
    assert step(launch({"process": process}, user="ann"), "user") == ("user", "ann", [])
    assert step(launch({"process": process}, groups=["x"]), "user") == ("user", "1:2", ["x"])


def test_hooks_stand_at_their_moments() -> None:
    hooks = {
        "created": [("tell", "created", True)],
        "entered": [("tell", "entered", True)],
        "ready": [("wait_for_start", ("fd", 0))],
    }
    order = names(launch({"process": {"args": ["true"]}}, hooks=hooks))
    assert order.index("tell") < order.index("rootfs")
    assert order.index("find") < order.index("wait_for_start") < order.index("close_fds")


def test_join_enters_what_the_container_has() -> None:
    plan = plan_join(
        {"args": ["sh"], "terminal": True},
        namespaces=[{"type": "pid"}, {"type": "network", "path": "/x"}],
        cgroup=PLACE,
    )
    assert plan["enter"] == CLONE_NEWPID | CLONE_NEWNET
    assert plan["target"] == ("fd", 0)
    assert names(plan)[:3] == ["cgroup", "join", "terminal"]
    assert "rootfs" not in names(plan)


def test_describe_is_readable() -> None:
    text = describe(launch({"process": {"args": ["true"]}}, seccomp=b"\0" * 800))
    assert "root: ('bind', '/root')" in text
    assert "  seccomp <800 bytes> 0\n" in text
    assert "  find ['true']\n" in text


def test_landlock_comes_while_its_files_can_be_opened() -> None:
    rules: Any = ((1, 0, 0), [("/bin", 1, True)], [])
    wanted = ["identity", "find", "landlock", "seccomp", "capabilities"]
    seccomp = b"12345678"
    first = launch({"process": {"args": ["true"]}}, landlock=rules, seccomp=seccomp)
    second = plan_join(
        {"args": ["true"]}, namespaces=[], cgroup=PLACE, landlock=rules, seccomp=seccomp
    )
    for plan in (first, second):
        assert [name for name in names(plan) if name in wanted] == wanted
        assert step(plan, "landlock") == ("landlock", *rules)
