"""File systems behind volumes: `--opt type=nfs --opt device=:/export --opt o=addr=...`.

Such a volume's directory is a mount point while a running container uses it: mounted for the first,
unmounted after the last. Which is which follows from the containers that run, so nothing has to be
counted over a crash.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Mapping
from typing import Final

from wherry.errors import Invalid, Unavailable
from wherry.kernel import mount

_UMOUNT_DETACH: Final = 2
# Words of mount(8) that are flags of mount(2) and not data for the file system; False takes back.
_FLAGS: Final[Mapping[str, tuple[int, bool]]] = {
    "ro": (mount.MS_RDONLY, True),
    "rw": (mount.MS_RDONLY, False),
    "nosuid": (mount.MS_NOSUID, True),
    "suid": (mount.MS_NOSUID, False),
    "nodev": (mount.MS_NODEV, True),
    "dev": (mount.MS_NODEV, False),
    "noexec": (mount.MS_NOEXEC, True),
    "exec": (mount.MS_NOEXEC, False),
    "noatime": (mount.MS_NOATIME, True),
    "nodiratime": (mount.MS_NODIRATIME, True),
    "bind": (mount.MS_BIND, True),
    "rbind": (mount.MS_BIND | mount.MS_REC, True),
    "defaults": (0, True),
}


def wants_mount(options: Mapping[str, str] | None) -> bool:
    """Whether a volume with these options is a file system of its own."""
    return bool(options and options.get("device"))


def mount_volume(target: str, options: Mapping[str, str]) -> None:
    """Mount it at its directory unless it is mounted. Raises Invalid, Unavailable."""
    if is_mounted(target):
        return
    flags, data = read_options(options.get("o", ""))
    type, device = options.get("type", ""), options["device"]
    try:
        if type in ("nfs", "nfs4", "cifs"):
            data = _with_address(data)
        mount.mount(device, target, "" if flags & mount.MS_BIND else type, flags, data)
        if flags & mount.MS_BIND and flags & mount.MS_RDONLY:
            # A bind mount takes its attributes only from a second call, mount(2).
            mount.mount("", target, "", flags | mount.MS_REMOUNT)
    except OSError as error:
        kind = Invalid if error.errno in (errno.EINVAL, errno.ENODEV, errno.ENOENT) else Unavailable
        raise kind(
            f"failed to mount local volume: mount {device}:{target}, flags: {flags:#x}, "
            f"data: {data}: {os.strerror(error.errno or 0).lower()}",
            hint="see the volume's options: docker volume inspect",
        ) from error


def unmount_volume(target: str) -> None:
    """Unmount it; no error when it is not mounted."""
    if is_mounted(target):
        mount.umount(target, _UMOUNT_DETACH)


def is_mounted(target: str) -> bool:
    """Whether it is a mount point; `os.path.ismount` does not see binds within a file system."""
    wanted = _escaped(os.path.realpath(target))
    with open("/proc/self/mountinfo", "rb") as file:
        return any(line.split(b" ", 5)[4] == wanted for line in file)


def _escaped(path: str) -> bytes:
    """As proc(5) writes it: backslash, space, tab and newline as three octal digits."""
    text = os.fsencode(path)
    for byte in (b"\\", b" ", b"\t", b"\n"):
        text = text.replace(byte, b"\\%03o" % byte[0])
    return text


def read_options(text: str) -> tuple[int, str]:
    """Words of mount(8) -> flags of mount(2), and the text for the file system."""
    flags, data = 0, []
    for word in filter(None, text.split(",")):
        if word not in _FLAGS:
            data.append(word)
            continue
        bits, is_set = _FLAGS[word]
        flags = flags | bits if is_set else flags & ~bits
    return flags, ",".join(data)


def _with_address(data: str) -> str:
    """The kernel's NFS and SMB want the server's address as digits (mount.nfs(8) looks it up)."""
    words = data.split(",")
    for number, word in enumerate(words):
        key, _, name = word.partition("=")
        if key == "addr":
            words[number] = f"addr={_resolved(name)}"
    return ",".join(words)


def _resolved(name: str) -> str:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise Unavailable(f"cannot resolve {name}: {error.strerror}") from error
    return str(found[0][4][0])
