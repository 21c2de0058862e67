"""Security modules that label a process at its next exec: AppArmor and SELinux."""

from __future__ import annotations

import os

_APPARMOR_ENABLED = "/sys/module/apparmor/parameters/enabled"
_APPARMOR_PROFILES = "/sys/kernel/security/apparmor/profiles"
_SELINUX_MOUNT = "/sys/fs/selinux/enforce"
_CURRENT = "/proc/self/attr/current"
SELINUX_LABEL = "security.selinux"


def apparmor_active(path: str = _APPARMOR_ENABLED) -> bool:
    """Whether the kernel enforces AppArmor profiles."""
    try:
        with open(path, "rb") as file:
            return file.read(1) == b"Y"
    except OSError:
        return False


def apparmor_profiles(path: str = _APPARMOR_PROFILES) -> set[str]:
    """Names of the profiles that are loaded. Raises OSError where securityfs is not mounted."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return {line.rpartition(" (")[0] for line in file}


def own_apparmor_profile() -> str:
    """The profile that this process runs under, "unconfined" as a rule."""
    try:
        fd = os.open("/proc/self/attr/apparmor/current", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # before Linux 5.8, where one module owned these files
        return "unconfined"
    try:
        return os.fsdecode(os.read(fd, 4096)).strip("\0\n").partition(" (")[0] or "unconfined"
    finally:
        os.close(fd)


def selinux_active(mounted: str = _SELINUX_MOUNT, current: str = _CURRENT) -> bool:
    """Whether the kernel has an SELinux policy loaded; before that, all is labelled "kernel"."""
    if not os.path.exists(mounted):
        return False
    with open(current, "rb") as file:
        return file.read().rstrip(b"\0\n") != b"kernel"


def set_file_label(path: str, label: str, *, follow: bool = False) -> None:
    """Give a file an SELinux context. Raises OSError: ENOTSUP where its file system has none."""
    os.setxattr(path, SELINUX_LABEL, label.encode() + b"\0", follow_symlinks=follow)


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
