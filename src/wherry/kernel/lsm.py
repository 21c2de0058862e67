"""Security modules that label a process at its next exec: AppArmor and SELinux."""

from __future__ import annotations

import os

_APPARMOR_ENABLED = "/sys/module/apparmor/parameters/enabled"
_SELINUX_MOUNT = "/sys/fs/selinux/enforce"


def apparmor_active() -> bool:
    """Whether the kernel enforces AppArmor profiles."""
    try:
        with open(_APPARMOR_ENABLED, "rb") as file:
            return file.read(1) == b"Y"
    except OSError:
        return False


def selinux_active() -> bool:
    """Whether the kernel has an SELinux policy loaded."""
    return os.path.exists(_SELINUX_MOUNT)


def open_exec_attribute(module: str) -> int:
    """The file that takes the label of our next exec; `module` is "apparmor" or "selinux".

    Open it while a trusted /proc is at hand; what is written to it counts for the writer only.
    """
    if module == "apparmor":
        try:
            return os.open("/proc/thread-self/attr/apparmor/exec", os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # before Linux 5.8
            pass
    return os.open("/proc/thread-self/attr/exec", os.O_WRONLY | os.O_CLOEXEC)


def exec_label(module: str, label: str) -> bytes:
    """What to write into that file for `label`."""
    return f"exec {label}".encode() if module == "apparmor" else label.encode()
