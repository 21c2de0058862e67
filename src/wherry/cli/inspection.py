"""What the three `inspect` commands share: fetch each object, print all that were found."""

from __future__ import annotations

from wherry.cli.failures import STATUS_FAILED, Failure
from wherry.jsontext import encode, encode_pretty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from wherry.cli.context import Context

    Fetch = Callable[[str], Any]


def inspect_each(context: Context, names: list[str], layout: str, fetch: Fetch) -> int:
    """Print the objects, JSON or by template; errors after what was found. Exit status."""
    found: list[Any] = []
    failures: list[str] = []
    for name in names:
        try:
            found.append(fetch(name))
        except Failure as failure:
            failures.append(failure.message)
    failures = _show(context, found, layout) or failures
    for text in failures:
        context.warn(text)
    return STATUS_FAILED if failures else 0


def _show(context: Context, found: list[Any], layout: str) -> list[str]:
    if not layout:
        context.say(encode_pretty(found) if found else "[]")
        return []
    if layout == "json":
        context.say(encode(found))
        return []
    return _render(context, found, layout)


def _render(context: Context, found: list[Any], layout: str) -> list[str]:
    from wherry.cli.templated import render_object

    shown = False
    for value in found:
        try:
            context.say(render_object(value, layout))
            shown = True
        except Failure as failure:
            context.say("")
            return [failure.message]
    if not shown:
        context.say("")
    return []
