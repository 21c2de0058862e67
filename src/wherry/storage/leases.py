"""Leases: what work in progress needs and no record owns yet is not deleted under its hands.

A lease lives as long as its block and dies with the process; afterwards only records keep things.
The order is always: lease the key, then look whether the thing is there, then use it. A key that is
being deleted cannot be leased until that is over, so what a lease finds stays.
"""

from __future__ import annotations

import threading
from collections import Counter

Key = tuple[str, str]
"""(kind, name): ("layer", diffID) or ("blob", digest)."""


class Leases:
    """Counts holders per key; any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._holders: Counter[Key] = Counter()
        self._dying: set[Key] = set()

    def take(self, key: Key) -> None:
        """Hold the key; waits while it is being deleted."""
        with self._changed:
            self._changed.wait_for(lambda: key not in self._dying)
            self._holders[key] += 1

    def drop(self, key: Key) -> None:
        """Give one hold back."""
        with self._changed:
            self._holders[key] -= 1
            if not self._holders[key]:
                del self._holders[key]

    def begin_removal(self, key: Key) -> bool:
        """Claim the key for deletion; False when somebody holds it or deletes it already."""
        with self._changed:
            if self._holders[key] > 0 or key in self._dying:
                return False
            self._dying.add(key)
            return True

    def end_removal(self, key: Key) -> None:
        """The deletion is over, done or not; those who wait to lease the key go on."""
        with self._changed:
            self._dying.discard(key)
            self._changed.notify_all()


class Lease:
    """The keys that one piece of work holds."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self.keys: list[Key] = []

    def add(self, kind: str, name: str) -> None:
        """Hold one more key until the lease ends."""
        self._leases.take((kind, name))
        self.keys.append((kind, name))

    def end(self) -> None:
        """Give all keys back."""
        for key in self.keys:
            self._leases.drop(key)
