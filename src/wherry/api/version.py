"""API versions: which are spoken, and what is said to a client that speaks another."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from wherry.errors import Invalid

Version: TypeAlias = tuple[int, ...]

MINIMUM: Final[Version] = (1, 24)
MAXIMUM: Final[Version] = (1, 51)

_PREFIX: Final = re.compile(r"/v([0-9.]+)(/.*)")


def text_of(version: Version) -> str:
    """Return "1.51" for (1, 51)."""
    return ".".join(map(str, version))


def split_prefix(path: str) -> tuple[str, str]:
    """Return ("1.41", "/info") for "/v1.41/info", ("", path) for a path without prefix."""
    match = _PREFIX.fullmatch(path)
    return (match[1], match[2]) if match else ("", path)


def negotiated(wanted: str) -> Version:
    """Return the version to answer in; "" is the newest. Raises Invalid in Docker's words."""
    if not wanted:
        return MAXIMUM
    version = tuple(int(part or 0) for part in wanted.split("."))
    if version < MINIMUM:
        raise Invalid(
            f"client version {wanted} is too old. Minimum supported API version is "
            f"{text_of(MINIMUM)}, please upgrade your client to a newer version"
        )
    if version > MAXIMUM:
        raise Invalid(
            f"client version {wanted} is too new. "
            f"Maximum supported API version is {text_of(MAXIMUM)}"
        )
    return version
