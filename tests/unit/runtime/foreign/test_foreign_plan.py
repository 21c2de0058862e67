"""What another runtime is told: words that runc, crun and runsc all know."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.kernel.mount import Mount
from wherry.runtime.foreign.plan import OCI_VERSION, plan_exec, plan_start

ROOT = [Mount("overlay", "overlay", "/", ["lowerdir+=/l", "upperdir=/u", "workdir=/w"])]


def spec(**changes: Any) -> dict[str, Any]:
    """A small config.json."""
    linux = {"namespaces": [{"type": "mount"}], "mountLabel": "", **changes.pop("linux", {})}
    process = {"args": ["true"], "cwd": "/", "apparmorProfile": "", "selinuxLabel": ""}
    return {"ociVersion": "1.2.0", "process": process, "linux": linux, **changes}


def planned(**changes: Any) -> dict[str, Any]:
    """The plan of a start."""
    return plan_start(
        "id", spec(**changes), runtime=["/usr/bin/crun"], directory="/d", rootfs=ROOT, user=None
    )


def test_labels_that_are_not_set_are_not_told() -> None:
    told = planned()["spec"]
    assert told["ociVersion"] == OCI_VERSION
    assert told["process"] == {"args": ["true"], "cwd": "/"}
    assert "mountLabel" not in told["linux"]
    executed = plan_exec(
        "id", "e", spec()["process"], runtime=["/usr/bin/crun"], directory="/d", user=None
    )
    assert executed["process"] == {"args": ["true"], "cwd": "/"}


def test_any_device_has_no_number() -> None:
    rules = [{"allow": True, "type": "c", "major": -1, "minor": -1, "access": "m"}]
    told = planned(linux={"resources": {"devices": rules, "pids": {"limit": 5}}})["spec"]
    assert told["linux"]["resources"] == {
        "devices": [{"allow": True, "type": "c", "access": "m"}], "pids": {"limit": 5},
    }  # fmt: skip


def test_binds_are_mapped_and_read_only_before() -> None:
    maps = [{"containerID": 0, "hostID": 1000, "size": 1}]
    mounts = [
        {"type": "proc", "source": "proc", "destination": "/proc"},
        {"type": "bind", "source": "/a", "destination": "/a", "options": ["rbind", "rw"]},
        {"type": "bind", "source": "/b", "destination": "/b", "uidMappings": maps,
         "gidMappings": maps, "options": ["rbind", "rro", "ridmap"]},
    ]  # fmt: skip
    plan = planned(mounts=mounts)
    assert plan["mounts"] == {1: 0, 2: 1}
    assert plan["read_only"] == [1]
    assert [source for source, _, _ in plan["sources"]] == ["/a", "/b"]
    assert plan["sources"][0][2] is None
    assert plan["sources"][1][2] is not None
    assert plan["spec"]["mounts"][2] == {
        "type": "bind", "source": "/b", "destination": "/b", "options": ["rbind", "ro"],
    }  # fmt: skip


def test_a_domain_is_a_sysctl() -> None:
    told = planned(domainname="example.org")["spec"]
    assert "domainname" not in told
    assert told["linux"]["sysctl"] == {"kernel.domainname": "example.org"}


def test_namespaces_with_a_place() -> None:
    rows = [{"type": "mount"}, {"type": "network", "path": "/proc/1/ns/net"}]
    assert planned(linux={"namespaces": rows})["namespaces"] == {1: "/proc/1/ns/net"}


def test_only_one_kind_of_root() -> None:
    with pytest.raises(ValueError, match="one mount"):
        plan_start("id", spec(), runtime=["/x"], directory="/d", user=None,
                   rootfs=[Mount("ext4", "/dev/x", "/", []), *ROOT])  # fmt: skip
