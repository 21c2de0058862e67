"""Each named check of a configuration, with what it must find and what it must let pass."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from wherry.errors import Invalid
from wherry.spec import runtime, runtime_checks


def changed(path: str, value: Any) -> dict[str, Any]:
    """The template with one field replaced, or removed for ...; the path is dotted."""
    spec = copy.deepcopy(runtime.template())
    *way, last = path.split(".")
    inner: Any = spec
    for key in way:
        inner = inner.setdefault(key, {})
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return spec


WRONG = [
    ("ociVersion", "2.0.0", "unsupported ociVersion"),
    ("ociVersion", ..., "unsupported ociVersion"),
    ("root", ..., "root must be specified"),
    ("process", ..., "process property must not be empty"),
    ("process.cwd", "", "Cwd property must not be empty"),
    ("process.cwd", "tmp", "Cwd must be an absolute path"),
    ("process.args", [], "args must not be empty"),
    ("process.args", "sh", "process.args must be of type array, not string"),
    ("process.args", ["sh", 3], r"process.args\[1\] must be of type string, not integer"),
    ("process.args", ["sh", "a\0b"], r"process.args\[1\] contains a NUL byte"),
    ("mounts", [None], r"mounts\[0\] must not be null"),
    ("linux.sysctl", {"net.x": None}, "linux.sysctl.net.x must not be null"),
    ("process.env", ["PATH"], "'PATH' is not of the form"),
    ("process.terminal", "yes", "process.terminal must be of type boolean"),
    ("process.user", {"uid": True}, "process.user.uid must be of type integer, not boolean"),
    ("process.oomScoreAdj", 1001, "not between -1000 and 1000"),
    ("process.rlimits", [{"type": "RLIMIT_X", "soft": 1, "hard": 1}], "invalid rlimit type"),
    ("process.rlimits", [{"type": "NOFILE", "soft": 1, "hard": 1}], "invalid rlimit type"),
    ("process.rlimits", [{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}], "above the hard one"),
    ("process.rlimits", [{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}] * 2, "given twice"),
    ("process.rlimits", [{"type": "RLIMIT_CPU"}], "soft is missing"),
    ("hostname", 3, "hostname must be of type string"),
    ("mounts", {}, "mounts must be of type array"),
    ("mounts", [{"type": "tmpfs"}], "has no destination"),
    ("linux.namespaces", [{"type": "mount"}, {"type": "warp"}], "unknown namespace type 'warp'"),
    ("linux.namespaces", [{"type": "uts"}] * 2, "duplicated ns"),
    ("linux.namespaces", [{"type": "pid", "path": "x"}], "is not absolute"),
    ("linux.namespaces", [{"type": "mount"}], "unable to set hostname"),
    ("linux.namespaces", [{"type": "uts"}], "without a private MNT namespace"),
    ("linux.rootfsPropagation", "everywhere", "rootfsPropagation=everywhere"),
    (
        "linux.uidMappings",
        [{"containerID": 0, "hostID": 1, "size": 1}],
        "user namespace isn't enabled",
    ),
    ("linux.timeOffsets", {"boottime": {"secs": 1}}, "no new time namespace"),
    ("linux.sysctl", {"vm.swappiness": "1"}, "not in a separate kernel namespace"),
    ("linux.sysctl", {"kernel.sem": 1}, "linux.sysctl.kernel.sem must be of type string"),
    ("linux.devices", [{"path": "/dev/x", "type": "z"}], "invalid device type"),
    ("linux.devices", [{"path": "dev/x", "type": "c"}], "is not absolute"),
    ("linux.resources.devices", [{"access": "rwm"}], "allow is missing"),
    ("linux.resources.devices", [{"allow": True, "access": "rx"}], "rule access 'rx'"),
    ("linux.resources.devices", [{"allow": True, "type": "q"}], "rule type 'q'"),
    ("linux.resources.memory", {"swappiness": 101}, "between 0 and 100"),
    ("linux.seccomp", {"syscalls": []}, "no defaultAction"),
    ("hooks.prestart", [{"path": "x"}], "prestart hook path 'x' is not absolute"),
    ("hooks.poststop", [{"path": "/x", "timeout": 0}], "timeout 0 is not above 0"),
]


@pytest.mark.parametrize(("path", "value", "problem"), WRONG)
def test_wrong(path: str, value: Any, problem: str) -> None:
    with pytest.raises(Invalid, match=problem):
        runtime_checks.validate(changed(path, value))


RIGHT = [
    ("process.cwd", "/tmp"),
    ("process.capabilities", None),
    ("process.user", {"uid": 1, "gid": 1, "additionalGids": [3]}),
    ("linux.sysctl", {"net.ipv4.ip_forward": "1", "kernel.shmmax": "1", "fs.mqueue.x": "1"}),
    ("linux.sysctl", {"net/ipv4/conf/eth0.5/forwarding": "1"}),
    ("linux.rootfsPropagation", "rshared"),
    ("linux.unheardOf", {"x": 1}),
    ("annotations", {"a": "b"}),
]


@pytest.mark.parametrize(("path", "value"), RIGHT)
def test_right(path: str, value: Any) -> None:
    runtime_checks.validate(changed(path, value))


def test_a_sysctl_needs_its_namespace() -> None:
    spec = changed("linux.sysctl", {"net.core.somaxconn": "1"})
    spec["linux"]["namespaces"] = [{"type": "mount"}, {"type": "uts"}]
    with pytest.raises(Invalid, match="hosts network namespace"):
        runtime_checks.validate(spec)


def test_a_new_user_namespace_needs_maps() -> None:
    spec = changed("linux.namespaces", [{"type": kind} for kind in ("mount", "uts", "user")])
    with pytest.raises(Invalid, match="are missing"):
        runtime_checks.validate(spec)


@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_what_is_no_object_at_all(value: Any) -> None:
    with pytest.raises(Invalid):
        runtime_checks.validate(value or [])


def test_process_alone() -> None:
    runtime_checks.validate_process({"args": ["sh"], "cwd": "/"})
    with pytest.raises(Invalid, match="args must not be empty"):
        runtime_checks.validate_process({"cwd": "/"})
