"""The query string, with the readings that dockerd gives its values."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

from wherry.errors import Invalid

_FALSE: Final = frozenset(("", "0", "no", "false", "none"))
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")
_TIMESTAMP: Final = re.compile(r"(-?\d+)(?:\.(\d{1,9})\d*)?")
_BILLION: Final = 1_000_000_000


class Query:
    """Parameters of one request; the first of repeated ones counts (but see `all`).

    Raises Invalid for a percent-escape that is none.
    """

    def __init__(self, raw: str) -> None:
        if bad := _BAD_ESCAPE.search(raw):
            raise Invalid(f'invalid URL escape "{bad[0]}"')
        self._values: dict[str, list[str]] = {}
        for name, value in parse_qsl(raw, keep_blank_values=True) if raw else ():
            self._values.setdefault(name, []).append(value)

    def has(self, name: str) -> bool:
        """Whether it is there, even empty."""
        return name in self._values

    def text(self, name: str, default: str = "") -> str:
        """Return a parameter as it is."""
        values = self._values.get(name)
        return values[0] if values else default

    def all(self, name: str) -> list[str]:
        """Return every value of a repeated parameter."""
        return self._values.get(name, [])

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a switch: everything is true but "", 0, no, false, none."""
        values = self._values.get(name)
        return values[0].strip().lower() not in _FALSE if values else default

    def integer(self, name: str) -> int | None:
        """Return a number, None when absent or empty. Raises Invalid."""
        value = self.text(name)
        if not value:
            return None
        try:
            return int(value)
        except ValueError:
            raise Invalid(f'invalid value for "{name}": "{value}" is not an integer') from None

    def timestamp(self, name: str) -> int | None:
        """Return "seconds[.nanoseconds]" since the epoch in nanoseconds, None when absent."""
        value = self.text(name)
        if not value:
            return None
        match = _TIMESTAMP.fullmatch(value)
        if match is None:
            raise Invalid(f'invalid value for "{name}": "{value}" is not a Unix timestamp')
        return int(match[1]) * _BILLION + int((match[2] or "").ljust(9, "0"))
