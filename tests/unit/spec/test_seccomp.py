"""Docker's profile resolved for capabilities, architecture and kernel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wherry.spec import seccomp

SHARED = Path(__file__).parents[4] / "shared" / "spec" / "seccomp-default.json"


def names(resolved: dict[str, Any], action: str = "SCMP_ACT_ALLOW") -> set[str]:
    return {
        name for rule in resolved["syscalls"] if rule["action"] == action for name in rule["names"]
    }


def docker(*caps: str, machine: str = "x86_64", kernel: tuple[int, int] = (6, 1)) -> dict[str, Any]:
    return seccomp.resolve(seccomp.default_profile(), caps, machine, kernel)


def test_the_shipped_profile_is_the_shared_one() -> None:
    if not SHARED.exists():
        pytest.skip(f"{SHARED} is not on this machine")
    assert seccomp.default_profile() == json.loads(SHARED.read_text())


def test_a_capability_opens_its_calls() -> None:
    assert "mount" not in names(docker())
    assert {"mount", "umount2", "bpf"} <= names(docker("CAP_SYS_ADMIN"))
    assert "chroot" in names(docker("CAP_SYS_CHROOT"))


def test_a_capability_closes_the_rules_that_stand_in_for_it() -> None:
    clone3 = [rule for rule in docker()["syscalls"] if rule["names"] == ["clone3"]]
    assert clone3 == [{"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]
    assert "clone3" in names(docker("CAP_SYS_ADMIN"))
    assert "clone3" not in names(docker("CAP_SYS_ADMIN"), "SCMP_ACT_ERRNO")


def test_clone_is_allowed_without_new_namespaces() -> None:
    (clone,) = [rule for rule in docker()["syscalls"] if rule["names"] == ["clone"]]
    assert clone["args"] == [{"index": 0, "value": 2114060288, "op": "SCMP_CMP_MASKED_EQ"}]


def test_kernel_version() -> None:
    assert "ptrace" in names(docker(kernel=(4, 8)))
    assert "ptrace" in names(docker(kernel=(10, 0)))
    assert "ptrace" not in names(docker(kernel=(4, 7)))


def test_architectures() -> None:
    assert docker()["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    arm = docker(machine="aarch64")
    assert arm["architectures"] == ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    assert "arch_prctl" in names(docker())
    assert "arch_prctl" not in names(arm)
    assert "breakpoint" in names(arm)
    assert docker(machine="riscv64")["architectures"] == ["SCMP_ARCH_RISCV64"]


def test_only_ocis_words_remain() -> None:
    for rule in docker("CAP_SYS_ADMIN")["syscalls"]:
        assert rule.keys() <= {"names", "action", "errnoRet", "args"}


def test_a_profile_in_ocis_own_words_passes_through() -> None:
    own = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}],
    }
    assert seccomp.resolve(own, (), "x86_64", (6, 1)) == own


def test_an_old_rule_has_one_name() -> None:
    own = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"name": "mkdir", "action": "SCMP_ACT_TRAP"}],
    }
    resolved = seccomp.resolve(own, (), "x86_64", (6, 1))
    assert resolved["syscalls"] == [{"names": ["mkdir"], "action": "SCMP_ACT_TRAP"}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"architectures": ["SCMP_ARCH_X86"], "archMap": [{"architecture": "SCMP_ARCH_X86"}]},
        {"syscalls": [{"name": "a", "names": ["b"], "action": "SCMP_ACT_ALLOW"}]},
        {"syscalls": [{"names": ["b"], "action": "x", "includes": {"minKernel": "five"}}]},
    ],
)
def test_contradictions(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"were specified|not a kernel version"):
        seccomp.resolve({"defaultAction": "SCMP_ACT_ALLOW", **wrong}, (), "x86_64", (6, 1))


@pytest.mark.parametrize(
    ("release", "version"),
    [("6.18.44-fc-v595", (6, 18)), ("4.8", (4, 8)), ("6.1-rc1", (6, 1))],
)
def test_kernel_releases(release: str, version: tuple[int, int]) -> None:
    assert seccomp.kernel_version(release) == version
