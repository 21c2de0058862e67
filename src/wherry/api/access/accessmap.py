"""Levels of callers of the API's own sockets, by the ids that the kernel tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from wherry.api.access.verbs import READING
from wherry.errors import Denied
from wherry.http.message import Credentials, Request

ALL: Final = "all"
READ_ONLY: Final = "read-only"
NONE: Final = "none"
LEVELS: Final = (NONE, READ_ONLY, ALL)
"""From the least to the most."""


@dataclass(frozen=True, slots=True)
class AccessMap:
    """What callers may do, by the ids that the kernel tells of them (SO_PEERCRED, SO_PEERGROUPS).

    A user's own level counts before those of groups, of several groups the most generous, and
    `default` where nothing is said. `tcp` is for callers without ids, whose certificate is all that
    is known. Levels are those of `LEVELS`.
    """

    default: str = ALL
    tcp: str = ALL
    users: Mapping[int, str] = field(default_factory=dict)
    groups: Mapping[int, str] = field(default_factory=dict)

    def check(self, request: Request, verb: str) -> None:
        """See `Guard`."""
        level, why = self.level(request.credentials)
        if level == ALL or (level == READ_ONLY and verb in READING):
            return
        may = "read only" if level == READ_ONLY else "do nothing"
        raise Denied(
            f"{_caller(request)} may not {request.method} {request.path}: {why} may {may} here",
            hint="the setting access of daemon.json decides that",
        )

    def level(self, peer: Credentials | None) -> tuple[str, str]:
        """A caller's level, and whose it is: "user 1000", "group 27", "whoever is not named"."""
        if peer is None:
            return self.tcp, "whoever comes by tcp"
        if peer.uid in self.users:
            return self.users[peer.uid], f"user {peer.uid}"
        named = [(self.groups[gid], gid) for gid in (peer.gid, *peer.groups) if gid in self.groups]
        if named:
            level, gid = max(named, key=lambda each: LEVELS.index(each[0]))
            return level, f"group {gid}"
        return self.default, "whoever is not named"


def _caller(request: Request) -> str:
    peer = request.credentials
    return f"the caller at {request.peer}" if peer is None else f"uid {peer.uid} (pid {peer.pid})"
