"""Finding one object among many by whole id, name, or unique prefix of its id.

The order is Docker's: a whole id wins over a name, a name over a prefix. Prefixes are found by
bisection, so that a look-up does not depend on how many objects there are.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import Generic, TypeVar

from wherry.errors import Invalid, NotFound

T = TypeVar("T")


class Index(Generic[T]):
    """Objects by id and by name. `what` is the word for one in messages ("container")."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._objects: dict[str, T] = {}
        self._ids: list[str] = []
        self._names: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._objects.values()))

    def reserve(self, name: str, id: str) -> str | None:
        """Give the name to the id; returns the id that has it already, None when it was free."""
        owner = self._names.setdefault(name, id)
        return None if owner == id else owner

    def owner(self, name: str) -> str | None:
        """The id that has the name."""
        return self._names.get(name)

    def release(self, name: str) -> None:
        """Make the name free again."""
        self._names.pop(name, None)

    def add(self, id: str, value: T) -> None:
        """Make the object known under its id (its name is reserved apart)."""
        if id not in self._objects:
            bisect.insort(self._ids, id)
        self._objects[id] = value

    def discard(self, id: str) -> None:
        """Forget the object. No error when it is not known."""
        if self._objects.pop(id, None) is not None:
            del self._ids[bisect.bisect_left(self._ids, id)]

    def by_id(self, id: str) -> T | None:
        """The object with exactly this id."""
        return self._objects.get(id)

    def find(self, ref: str) -> T:
        """The object that a client means by `ref`. Raises NotFound, Invalid when several fit."""
        found = self._objects.get(ref) or self._by_name(ref.removeprefix("/"))
        if found is not None:
            return found
        return self._by_prefix(ref)

    def _by_name(self, name: str) -> T | None:
        id = self._names.get(name)
        # A name may be reserved for an object that is still being made: it cannot be found yet.
        return self._objects.get(id) if id else None

    def _by_prefix(self, ref: str) -> T:
        position = bisect.bisect_left(self._ids, ref) if ref else len(self._ids)
        fits = [id for id in self._ids[position : position + 2] if id.startswith(ref)]
        if len(fits) > 1:
            raise Invalid(
                f"multiple IDs found with provided prefix: {ref}",
                hint="give more characters of the id",
            )
        if not fits:
            raise NotFound(f"No such {self._what}: {ref}")
        return self._objects[fits[0]]
