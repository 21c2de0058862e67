"""How much may be stored: in one repository, and in all of them together."""

from __future__ import annotations

from dataclasses import dataclass

from wherry.registry.server.errors import RegistryError
from wherry.registry.server.reading import Reading


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of blobs; 0 means no limit."""

    repository: int = 0
    total: int = 0


class Quotas:
    """Refuses what would go beyond the limits."""

    def __init__(self, limits: Limits, reading: Reading) -> None:
        self._limits = limits
        self._reading = reading

    def check(self, name: str, more: int = 0) -> None:
        """Refuse `more` bytes for a repository. Raises RegistryError: DENIED."""
        left = self.left(name)
        if left is not None and more > left:
            raise refusal(name)

    def left(self, name: str) -> int | None:
        """Bytes that a repository may still take, None without a limit."""
        rooms = []
        if self._limits.repository:
            rooms.append(self._limits.repository - self._reading.used_by(name))
        if self._limits.total:
            rooms.append(self._limits.total - self._reading.used())
        return max(0, min(rooms)) if rooms else None


def refusal(name: str) -> RegistryError:
    """There is no room."""
    return RegistryError(
        "DENIED",
        f"the storage quota for repository {name} is used up: delete tags or ask the operator",
    )
