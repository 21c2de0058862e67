"""The daemon's settings of user namespaces: the default of containers, and where ids come from.

Docker's `userns-remap` gives all containers one user namespace; here each has its own, so its one
value that names no user, "default", stands for `userns` "auto".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.engine.containers.usernamespaces import (
    HOST,
    SIZE,
    UserNamespaceSettings,
    automatic_size,
    check_mode,
)
from wherry.errors import Invalid

if TYPE_CHECKING:
    from wherry.engine.profile import Profile

_LAST = 2**32 - 2


def settings(mode: str, remap: str, pool: str, profile: Profile) -> UserNamespaceSettings:
    """The settings from what was given, "" for what was not. Raises Invalid."""
    if remap not in ("", "default"):
        raise Invalid(
            f"userns-remap {remap!r} is not supported: each container has ids of its own",
            hint='write "userns": "auto", and the ids as "userns-pool": "FIRST:COUNT"',
        )
    if mode and remap:
        raise Invalid("userns and userns-remap say the same: give one of them")
    chosen = mode or ("auto" if remap else profile.userns)
    check_mode(chosen)
    if chosen not in HOST and automatic_size(chosen) is None:
        raise Invalid("a map cannot be the default of containers", hint="write host or auto")
    return UserNamespaceSettings(chosen or "host", _pool(pool) if pool else None)


def _pool(text: str) -> tuple[int, int]:
    first, colon, count = text.partition(":")
    numbers = (first, count)
    if not colon or not all(word.isascii() and word.isdigit() for word in numbers):
        raise Invalid(f"invalid userns-pool {text!r}", hint="write FIRST:COUNT, as 1000000:6553600")
    begin, end = int(first), int(first) + int(count)
    if begin == 0 or end - begin < SIZE or end - 1 > _LAST:
        raise Invalid(
            f"invalid userns-pool {text!r}: it needs at least {SIZE} ids between 1 and {_LAST}"
        )
    return begin, end
