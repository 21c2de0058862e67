"""Checks of `--security-opt` against this machine: what it cannot do, what has no effect."""

from __future__ import annotations

from typing import Final

from wherry.engine.containers.config import HostConfig
from wherry.engine.containers.spec import landlock, securityopt
from wherry.errors import Invalid
from wherry.kernel import landlock as kernel_landlock


def check(host: HostConfig) -> None:
    """Raise Invalid for bad options, Unsupported for what this kernel cannot do."""
    options = securityopt.of(host)
    if options.landlock is not None:
        landlock.ruleset(options.landlock, kernel_landlock.abi())


def check_mapped(host: HostConfig) -> None:
    """The same for a container with a user namespace of its own. Raises Invalid, as Docker."""
    if securityopt.of(host).writable_cgroups:
        raise Invalid(
            "--security-opt writable-cgroups=true is incompatible with user namespaces",
            hint="add --userns=host, or leave one of both out",
        )


def warnings(host: HostConfig, cgroup_version: str) -> list[str]:
    """What was asked for and confines less than its words say."""
    options = securityopt.of(host)
    said = []
    if options.writable_cgroups and (cgroup_version == "1" or host.cgroupns_mode == "host"):
        said.append(_OWN_LIMITS)
    return said + landlock.warnings(options.landlock, kernel_landlock.abi())


_OWN_LIMITS: Final = (
    "--security-opt writable-cgroups lets the container change its own limits: only a private "
    "cgroup namespace on version 2 keeps them from it"
)
