"""Who may do what through a socket: asked once for every request, before its endpoint sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wherry.http.message import Request


class Guard(Protocol):
    """Lets requests of one socket pass, or does not."""

    def check(self, request: Request, verb: str) -> None:
        """Raise Denied, with who was refused and why, unless the verb is allowed."""


@dataclass(frozen=True, slots=True)
class Open:
    """Whoever can connect may do everything: the mode of the socket decides who that is."""

    def check(self, request: Request, verb: str) -> None:
        """Let it pass."""
