"""Who may do what on the API socket: the setting `access` of daemon.json, names made into ids.

"access": {"default": "read-only", "users": {"alice": "all"}, "groups": {"ops": "all"},
           "tcp": "none"}
"""

from __future__ import annotations

import grp
import pwd
from collections.abc import Callable, Mapping
from typing import Any, Final

from wherry.api.access.accessmap import ALL, LEVELS, AccessMap
from wherry.errors import Invalid

_KEYS: Final = ("default", "tcp", "users", "groups")


def access_map(given: Mapping[str, Any]) -> AccessMap:
    """The levels by id. Raises Invalid: for an unknown name too, which might be meant to lock."""
    unknown = sorted(given.keys() - set(_KEYS))
    if unknown:
        raise Invalid(f"access: unknown key {', '.join(unknown)}", hint=f"use {', '.join(_KEYS)}")
    return AccessMap(
        default=_level("default", given.get("default", ALL)),
        tcp=_level("tcp", given.get("tcp", ALL)),
        users=_ids("users", given.get("users", {}), lambda name: pwd.getpwnam(name).pw_uid),
        groups=_ids("groups", given.get("groups", {}), lambda name: grp.getgrnam(name).gr_gid),
    )


def _ids(key: str, given: object, look_up: Callable[[str], int]) -> dict[int, str]:
    if not isinstance(given, dict):
        raise Invalid(f"access: {key} must be an object of names or ids, and a level each")
    return {_id(key, name, look_up): _level(f"{key}: {name}", given[name]) for name in given}


def _id(key: str, name: str, look_up: Callable[[str], int]) -> int:
    if name.isascii() and name.isdigit():
        return int(name)
    try:
        return look_up(name)
    except KeyError:
        raise Invalid(
            f"access: {key}: there is no {key[:-1]} {name}", hint="write its number"
        ) from None


def _level(what: str, given: object) -> str:
    if given not in LEVELS:
        raise Invalid(f"access: {what} must be one of {', '.join(LEVELS)}, not {given!r}")
    return str(given)
