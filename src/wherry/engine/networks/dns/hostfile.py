"""The host's resolv.conf: its text read into a value, and the live file followed.

Source: resolv.conf(5). Unknown lines are kept, since Docker hands them on too.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Final

PATH: Final = "/etc/resolv.conf"
SYSTEMD_PATH: Final = "/run/systemd/resolve/resolv.conf"
"""What systemd-resolved asks itself, for those who cannot reach its stub on the host's loopback."""
SYSTEMD_STUB: Final = "127.0.0.53"


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """A resolv.conf: servers as text (IPv6 may carry a %zone), words of `search` and `options`."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    other: tuple[str, ...] = ()

    @property
    def ndots(self) -> str | None:
        """The value of the last `ndots` option, None without one."""
        values = [word.partition(":")[2] for word in self.options if word.startswith("ndots:")]
        return values[-1] if values else None


def parse(text: str) -> ResolvConf:
    """Read a resolv.conf; lines that mean nothing are passed over, as resolvers do."""
    servers: list[str] = []
    search: tuple[str, ...] = ()
    options: list[str] = []
    other: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0][0] in "#;":
            continue
        if words[0] == "nameserver":
            servers += [word for word in words[1:2] if _is_address(word)]
        elif words[0] in ("search", "domain"):
            search = tuple(words[1:]) or search
        elif words[0] == "options":
            options += words[1:]
        else:
            other.append(line)
    return ResolvConf(tuple(servers), search, tuple(options), tuple(other))


def is_loopback(address: str) -> bool:
    """Whether an address means "this machine", to whoever asks."""
    return address.startswith("127.") or address == "::1"


def read(path: str = PATH) -> str:
    """The text of a resolv.conf, "" where there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


class LiveResolvConf:
    """The file as it is now: read again whenever it has changed.

    One stat(2) per look, which costs less than a query's first system call. The file may be
    replaced, edited in place, or be a link whose target changes (resolvconf, NetworkManager,
    systemd-resolved), which inotify on one path would not see.
    """

    def __init__(self, path: str = PATH) -> None:
        self._path = path
        self._known: tuple[int, int, int, int] | None = None
        self._content = ResolvConf()

    def current(self) -> ResolvConf:
        """What the file says; the last known content while it is missing or being replaced."""
        try:
            status = os.stat(self._path)
        except OSError:
            return self._content
        identity = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
        if identity != self._known:
            self._known = identity
            self._content = parse(read(self._path))
        return self._content


def _is_address(word: str) -> bool:
    family = socket.AF_INET6 if ":" in word else socket.AF_INET
    try:
        socket.inet_pton(family, word.partition("%")[0])
    except OSError:
        return False
    return True
