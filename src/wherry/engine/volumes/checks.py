"""Checks of names, drivers and options of volumes, in Docker's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from wherry.engine.volumes.values import LOCAL
from wherry.errors import Invalid, NotFound

NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_LONGEST: Final = 255  # a directory's name: NAME_MAX
_OPTIONS: Final = ("type", "o", "device", "size")
# What an option needs beside it (Docker's local driver).
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "device": ("type",),
    "type": ("device",),
    "o": ("device", "type"),
}


def check_name(name: str) -> None:
    """Raise Invalid for a name that no volume can have."""
    if len(name) == 1:
        raise Invalid(
            "volume name is too short, names should be at least two alphanumeric characters"
        )
    if NAME.fullmatch(name) is None or len(name) > _LONGEST:
        raise Invalid(
            f'"{name}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, '
            "use absolute path"
        )


def check_driver(driver: str) -> None:
    """Raise NotFound for a driver that is not there."""
    if driver not in ("", LOCAL):
        raise NotFound(
            f'error looking up volume plugin {driver}: plugin "{driver}" not found',
            hint=f"the driver is {LOCAL}; its options type, device and o mount nfs, tmpfs, ...",
        )


def check_options(options: Mapping[str, str] | None) -> None:
    """Raise Invalid for options that the driver does not know, or that lack another one."""
    for name in options or {}:
        if name not in _OPTIONS:
            raise Invalid(f'invalid option: "{name}"', hint=f"one of {', '.join(_OPTIONS)}")
    for name, needed in _NEEDS.items():
        missing = [other for other in needed if not (options or {}).get(other)]
        if (options or {}).get(name) and missing:
            raise Invalid(f'missing required option: "{missing[0]}"')
    if (options or {}).get("size"):
        raise Invalid(
            "quota size requested but no quota support",
            hint="limit a tmpfs volume with o=size=...",
        )
