"""Checks of the part of a container's configuration that belongs to this host."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Final

from wherry.engine.containers.config import HostConfig, RestartPolicy
from wherry.engine.containers.spec.capabilities import normalize
from wherry.engine.containers.usernamespaces import check_mode
from wherry.errors import Invalid, Unsupported

RESTART_POLICIES: Final = ("", "no", "always", "on-failure", "unless-stopped")
LOG_DRIVERS: Final = ("", "local", "json-file", "none")


def check(host: HostConfig) -> None:
    """Run every check. Raises Invalid, or Unsupported for what cannot be done yet."""
    for each in CHECKS:
        each(host)


def auto_remove(host: HostConfig) -> None:
    """A container cannot both vanish and come back."""
    if host.auto_remove and host.restart_policy.name not in ("", "no"):
        raise Invalid("can't create 'AutoRemove' container with restart policy")


def restart(host: HostConfig) -> None:
    """The policy of the host configuration."""
    check_restart_policy(host.restart_policy)


def check_restart_policy(policy: RestartPolicy) -> None:
    """A known policy; only on-failure counts. Raises Invalid."""
    name, count = policy.name, policy.maximum_retry_count
    if name not in RESTART_POLICIES:
        raise Invalid(
            f"invalid restart policy: unknown policy '{name}'; "
            "use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
        )
    if count < 0:
        raise Invalid("invalid restart policy: maximum retry count cannot be negative")
    if count and name != "on-failure":
        raise Invalid(
            "invalid restart policy: maximum retry count can only be used with 'on-failure'"
        )


def extra_hosts(host: HostConfig) -> None:
    """`name:address`, or `name:host-gateway`."""
    for entry in host.extra_hosts or ():
        name, separator, address = entry.partition("=" if "=" in entry else ":")
        if not separator or not name:
            raise Invalid(f'bad format for add-host: "{entry}"', hint="write name:address")
        if address != "host-gateway" and not _is_address(address.strip("[]")):
            raise Invalid(f'invalid IP address in add-host: "{address}"')


def dns(host: HostConfig) -> None:
    """Name servers are addresses."""
    for address in host.dns or ():
        if not _is_address(address):
            raise Invalid(f"invalid nameserver address: {address}")


def capabilities(host: HostConfig) -> None:
    """Capabilities that exist."""
    normalize(host.cap_add or (), "CapAdd")
    normalize(host.cap_drop or (), "CapDrop")


def annotation_names(host: HostConfig) -> None:
    """Annotations have names."""
    if "" in (host.annotations or {}):
        raise Invalid("invalid Annotations: the empty string is not permitted as an annotation key")


def modes(host: HostConfig) -> None:
    """Namespace modes: private, shared with the host, or with another container."""
    _mode(host.ipc_mode, ("", "none", "private", "shareable", "host"), "IPC")
    _mode(host.pid_mode, ("", "host"), "PID")
    if host.uts_mode not in ("", "host"):
        raise Invalid(f"invalid UTS mode: {host.uts_mode}")
    if host.cgroupns_mode not in ("", "private", "host"):
        raise Invalid(f"invalid cgroup namespace mode: {host.cgroupns_mode}")
    check_mode(host.userns_mode)


def _mode(mode: str, words: tuple[str, ...], what: str) -> None:
    kind, separator, name = mode.partition(":")
    if mode in words or (kind == "container" and separator and name):
        return
    raise Invalid(f"invalid {what} mode: {mode}")


def numbers(host: HostConfig) -> None:
    """Sizes and scores within the kernel's ranges."""
    if host.shm_size < 0:
        raise Invalid("SHM size can not be less than 0")
    if not -1000 <= host.oom_score_adj <= 1000:
        raise Invalid(
            f"Invalid value {host.oom_score_adj}, range for oom score adj is [-1000, 1000]"
        )


def log_driver(host: HostConfig) -> None:
    """A log driver that is built in, with options that it knows."""
    driver = host.log_config.type
    if driver not in LOG_DRIVERS:
        raise Unsupported(
            f"logger: no log driver named '{driver}' is registered",
            hint="built in are local, json-file and none",
        )
    for option in host.log_config.config or {}:
        if option not in ("max-size", "max-file", "compress", "mode", "labels", "env", "tag"):
            raise Invalid(f"unknown log opt '{option}' for {driver or 'local'} log driver")


def storage(host: HostConfig) -> None:
    """Quotas on the writable layer are not there yet."""
    if host.storage_opt:
        raise Unsupported(
            "--storage-opt is not supported: the writable layer has no quota of its own yet",
            hint="limit what is written by a tmpfs with a size, or a volume on a file system of "
            "that size",
        )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


CHECKS: Final[tuple[Callable[[HostConfig], None], ...]] = (
    auto_remove,
    restart,
    extra_hosts,
    dns,
    capabilities,
    annotation_names,
    modes,
    numbers,
    log_driver,
    storage,
)
