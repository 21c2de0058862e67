"""Long lists in pieces: `n` and `last` of a request, the Link header of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from wherry.registry.server.errors import RegistryError

PAGE_LIMIT: Final = 10_000
"""Entries of one page where the client names no number, or a larger one."""


@dataclass(frozen=True, slots=True)
class Page:
    """At most `count` entries behind `last` (in byte order)."""

    count: int = PAGE_LIMIT
    last: str = ""


def page(query: Mapping[str, str]) -> Page:
    """What a request asks for. Raises RegistryError: UNSUPPORTED (400) for a bad number."""
    number = query.get("n", "")
    if not number:
        return Page(last=query.get("last", ""))
    if not number.isascii() or not number.isdigit():
        raise RegistryError("UNSUPPORTED", f"invalid number of results n={number!r}", status=400)
    return Page(min(int(number[:9]), PAGE_LIMIT), query.get("last", ""))


def cut(entries: Sequence[str], wanted: Page, path: str) -> tuple[Sequence[str], dict[str, str]]:
    """The page out of one entry more than it holds, and the headers that lead to the next."""
    shown = entries[: wanted.count]
    if not shown or len(entries) <= wanted.count:
        return shown, {}
    query = urlencode({"n": wanted.count, "last": shown[-1]})
    return shown, {"Link": f'<{path}?{query}>; rel="next"'}
