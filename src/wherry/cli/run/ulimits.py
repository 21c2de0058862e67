"""`--ulimit name=soft[:hard]`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAMES = frozenset(
    (
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    )
)


def check_ulimit(text: str) -> str:
    """The flag's check."""
    parse_ulimit(text)
    return text


def parse_ulimit(text: str) -> dict[str, Any]:
    """The API's Ulimit; -1 is without limit. ValueError says what is wrong."""
    name, equals, values = text.partition("=")
    if not equals or not name or not values:
        raise ValueError(f"invalid ulimit argument: {text}")
    if name not in _NAMES:
        raise ValueError(f"invalid ulimit type: {name}")
    parts = values.split(":")
    if len(parts) > 2:
        raise ValueError(
            f"too many limit value arguments - {values}, can only have up to two, `soft[:hard]`"
        )
    soft = _limit(parts[0])
    hard = _limit(parts[1]) if len(parts) > 1 else soft
    if hard != -1 and (soft == -1 or soft > hard):
        raise ValueError(
            f"ulimit soft limit must be less than or equal to hard limit: "
            f"{'-1' if soft == -1 else soft} > {hard}"
        )
    return {"Name": name, "Hard": hard, "Soft": soft}


def _limit(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
