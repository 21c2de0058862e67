"""A bundle: the directory with config.json, and what a command wants of its terminal."""

from __future__ import annotations

import os

from wherry import jsontext
from wherry.errors import Invalid
from wherry.kernel import seccomp
from wherry.kernel.cgroup import device_rules
from wherry.runtime.oci.refusal import Refusal
from wherry.spec import runtime_checks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Spec = dict[str, Any]

CONFIG = "config.json"


def read(bundle: str) -> Spec:
    """The checked config.json of `bundle`; Refusal when it is missing or wrong."""
    path = os.path.join(bundle, CONFIG)
    try:
        spec: Spec = jsontext.read(path)
    except FileNotFoundError:
        raise Refusal(f"JSON specification file {CONFIG} not found") from None
    try:
        runtime_checks.validate(spec)
    except Invalid as error:
        raise Refusal(f"{path}: {error.message}") from None
    return spec


def absolute(spec: Spec, bundle: str) -> Spec:
    """The same with relative sources of bind mounts taken from the bundle (config.md, "Mounts")."""
    for mount in spec.get("mounts") or ():
        bound = {"bind", "rbind"} & {mount.get("type"), *(mount.get("options") or ())}
        if bound and mount.get("source"):
            mount["source"] = os.path.join(bundle, mount["source"])
    return spec


def check_terminal(terminal: bool, detached: bool, console_socket: str) -> None:
    """A detached terminal needs somebody to take it; nobody else may be given one."""
    if terminal and detached and not console_socket:
        raise Refusal(
            "cannot allocate tty if wherry-oci will detach without setting console socket"
        )
    if console_socket and not (terminal and detached):
        raise Refusal("cannot use console socket if wherry-oci will not detach or allocate tty")


def compiled_seccomp(spec: Spec) -> tuple[bytes, int] | None:
    """`linux.seccomp` as (program, flags) for the kernel; None where there is none."""
    profile = (spec.get("linux") or {}).get("seccomp")
    if not profile:
        return None
    rules = profile.get("syscalls") or []
    if "SCMP_ACT_NOTIFY" in [profile["defaultAction"], *(rule["action"] for rule in rules)]:
        raise Refusal("seccomp action SCMP_ACT_NOTIFY is not supported by wherry-oci yet")
    return seccomp.compile(profile), seccomp.flag_bits(profile)


def resources(spec: Spec) -> Spec:
    """`linux.resources`, with the devices that every container may use behind its own rules."""
    found: Spec = dict((spec.get("linux") or {}).get("resources") or {})
    if found.get("devices"):
        found["devices"] = [*found["devices"], *device_rules.STANDARD_RULES]
    return found
