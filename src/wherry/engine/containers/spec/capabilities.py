"""Capabilities of a container: Docker's default set, more, fewer, or all of them.

Names may be written with or without `CAP_`, in any case. Source: capabilities(7).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from wherry.errors import Invalid
from wherry.kernel import capability
from wherry.spec import runtime

ALL: Final = "ALL"


def normalize(names: Iterable[str], field: str = "capabilities") -> tuple[str, ...]:
    """The names with `CAP_` in capitals; ALL stays. Raises Invalid for an unknown one."""
    full = []
    for name in names:
        upper = name.upper()
        if upper != ALL and not upper.startswith("CAP_"):
            upper = f"CAP_{upper}"
        if upper != ALL and upper not in capability.NUMBERS:
            raise Invalid(f'invalid {field}: unknown capability: "{name}"')
        full.append(upper)
    return tuple(full)


def effective(
    add: Sequence[str], drop: Sequence[str], *, privileged: bool, known: Sequence[str]
) -> tuple[str, ...]:
    """The capabilities that a container gets, of those that this kernel knows.

    As in Docker: privileged is all of them; "drop all" leaves what is added; "add all" is all but
    what is dropped.
    """
    if privileged:
        return tuple(known)
    added, dropped = normalize(add, "CapAdd"), normalize(drop, "CapDrop")
    if ALL in added:
        wanted: Sequence[str] = [name for name in known if name not in dropped]
    elif ALL in dropped:
        wanted = [name for name in known if name in added]
    else:
        kept = [name for name in runtime.CAPABILITIES if name not in dropped]
        wanted = kept + [name for name in added if name not in kept]
    return tuple(name for name in wanted if name in known)


def known_to_kernel() -> tuple[str, ...]:
    """Every capability that this kernel has and we can name."""
    return capability.NAMES[: capability.last_cap() + 1]
