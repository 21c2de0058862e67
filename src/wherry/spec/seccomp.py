"""Docker's seccomp profile, as data with conditions, resolved to OCI's `linux.seccomp`.

The profile's format is Docker's own: rules may be included or excluded by capability,
architecture and least kernel version, and `archMap` names the architectures that a machine runs
beside its own. OCI has no conditions, so they are settled here, once per set of capabilities.
Source of the data: Docker's default profile (profiles/seccomp/default.json of moby), unchanged.
"""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

DOCKER_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "i686": "x86",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
    "loongarch64": "loong64",
}
"""uname -m -> the name in a rule's `arches`."""

OCI_ARCHITECTURES = {
    "x86_64": "SCMP_ARCH_X86_64",
    "aarch64": "SCMP_ARCH_AARCH64",
    "armv7l": "SCMP_ARCH_ARM",
    "i686": "SCMP_ARCH_X86",
    "ppc64le": "SCMP_ARCH_PPC64LE",
    "s390x": "SCMP_ARCH_S390X",
    "riscv64": "SCMP_ARCH_RISCV64",
    "loongarch64": "SCMP_ARCH_LOONGARCH64",
}


def default_profile() -> dict[str, Any]:
    """Docker's profile as it is shipped with Wherry."""
    path = os.path.join(os.path.dirname(__file__), "data", "seccomp.json")
    with open(path, encoding="utf-8") as file:
        profile: dict[str, Any] = json.load(file)
    return profile


def resolve(
    profile: Mapping[str, Any],
    capabilities: Collection[str],
    machine: str,
    kernel: tuple[int, int],
) -> dict[str, Any]:
    """`linux.seccomp` for a container with these (bounding) capabilities on this machine.

    `profile` is in Docker's format; one in OCI's (with `architectures`) passes through unchanged.
    `machine` is uname -m, `kernel` (major, minor). Raises ValueError when the profile has both
    `architectures` and `archMap`, a rule both `name` and `names`, or a version that is none.
    """
    if profile.get("architectures") and profile.get("archMap"):
        raise ValueError(_both("architectures", "archMap"))
    resolved: dict[str, Any] = {"defaultAction": profile.get("defaultAction", "SCMP_ACT_ALLOW")}
    for key in ("defaultErrnoRet", "flags", "listenerPath", "listenerMetadata"):
        if profile.get(key) is not None:
            resolved[key] = profile[key]
    resolved["architectures"] = _architectures(profile, machine)
    architecture = DOCKER_ARCHITECTURES.get(machine, machine)
    resolved["syscalls"] = [
        _rule(rule)
        for rule in profile.get("syscalls") or ()
        if _holds(rule, capabilities, architecture, kernel)
    ]
    return resolved


def _both(one: str, other: str) -> str:
    return (
        f"'{one}' and '{other}' were specified in the seccomp profile, "
        f"use either '{one}' or '{other}'"
    )


def _architectures(profile: Mapping[str, Any], machine: str) -> list[str]:
    if profile.get("architectures"):
        return list(profile["architectures"])
    own = OCI_ARCHITECTURES.get(machine)
    for row in profile.get("archMap") or ():
        if row["architecture"] == own:
            return [own, *(row.get("subArchitectures") or ())]
    return []


def _holds(
    rule: Mapping[str, Any],
    capabilities: Collection[str],
    architecture: str,
    kernel: tuple[int, int],
) -> bool:
    """Whether the rule's conditions select it here."""
    excludes, includes = rule.get("excludes") or {}, rule.get("includes") or {}
    if architecture in (excludes.get("arches") or ()):
        return False
    if any(name in capabilities for name in excludes.get("caps") or ()):
        return False
    if excludes.get("minKernel") and kernel >= kernel_version(excludes["minKernel"]):
        return False
    if includes.get("arches") and architecture not in includes["arches"]:
        return False
    if not all(name in capabilities for name in includes.get("caps") or ()):
        return False
    return not includes.get("minKernel") or kernel >= kernel_version(includes["minKernel"])


def kernel_version(release: str) -> tuple[int, int]:
    """(major, minor) of "4.8" or "6.18.44-x"; ValueError if it does not begin like that."""
    major, dot, rest = release.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    if not (dot and major.isdecimal() and digits):
        raise ValueError(f"{release!r} is not a kernel version")
    return int(major), int(digits)


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """The rule in OCI's words only."""
    if rule.get("name") and rule.get("names"):
        raise ValueError(_both("name", "names"))
    resolved: dict[str, Any] = {
        "names": list(rule.get("names") or [rule["name"]]),
        "action": rule["action"],
    }
    if rule.get("errnoRet") is not None:
        resolved["errnoRet"] = rule["errnoRet"]
    if rule.get("args"):
        resolved["args"] = [
            {key: arg[key] for key in ("index", "value", "valueTwo", "op") if key in arg}
            for arg in rule["args"]
        ]
    return resolved
