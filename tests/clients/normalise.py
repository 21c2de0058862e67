"""What is taken out of a client's output before two engines are compared.

Only values that must differ between any two engines, or two runs of one, are replaced. Everything
else is compared as it stands; a difference that is meant has a row in allowed.yaml.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_DURATION = (
    r"(?:Less than a second|About an? (?:minute|hour)|"
    r"\d+ (?:seconds?|minutes?|hours?|days?|weeks?|months?|years?))"
)
_CLOCK = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?"

REPLACED: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("ids in full", re.compile(r"\b[0-9a-f]{64}\b"), "<ID>"),
    ("ids cut short", re.compile(r"\b(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{12}\b"), "<id>"),
    ("times", re.compile(_CLOCK + r"(?:Z|[+-]\d\d:\d\d| [+-]\d{4} [A-Z]+)"), "<time>"),
    ("how long ago", re.compile(_DURATION), "<duration>"),
    ("sizes", re.compile(r"\b\d+(?:\.\d+)?[kMG]?i?B\b"), "<size>"),
    ("widths of columns", re.compile(r"[ \t]{2,}"), "  "),
    ("ends of lines", re.compile(r"[ \t]+$", re.MULTILINE), ""),
)
"""What is replaced and by what, in this order."""


def text(output: bytes, places: Mapping[str, str]) -> str:
    """Output without what cannot be equal; `places` maps paths of this run to fixed names."""
    result = output.decode(errors="backslashreplace")
    for path, name in places.items():
        result = result.replace(path, name)
    for _, pattern, replacement in REPLACED:
        result = pattern.sub(replacement, result)
    return result


def document(output: bytes, places: Mapping[str, str]) -> dict[str, Any]:
    """JSON output as a flat mapping of dotted path to value, strings as in `text`.

    List items that are objects keep their position in the path; lists of plain values stay lists.
    Raises ValueError when it is no JSON.
    """
    return dict(_flat("", json.loads(output), places))


def _flat(path: str, value: Any, places: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _flat(f"{path}.{key}".lstrip("."), below, places)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for position, below in enumerate(value):
            yield from _flat(f"{path}[{position}]", below, places)
    elif isinstance(value, list):
        yield path, [_plain(item, places) for item in value]
    else:
        yield path, _plain(value, places)


def _plain(value: Any, places: Mapping[str, str]) -> Any:
    return text(value.encode(), places) if isinstance(value, str) else value
