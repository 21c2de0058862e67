"""What all `prune` commands do: ask, send, say what went and how much came free."""

from __future__ import annotations

from wherry.cli.filters import encode_filters
from wherry.cli.flags import Flag
from wherry.cli.prompt import ask
from wherry.cli.units import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FORCE = Flag("force", "f", "bool", "Do not ask")
FILTER = Flag("filter", "", "filter", "Remove only what meets a condition (label=KEY=VALUE)")


class Pruning:
    """One prune: the endpoint, the question, and the key of its answer that lists what went."""

    __slots__ = ("_heading", "_key", "_path", "_warning")

    def __init__(self, path: str, warning: str, key: str, heading: str) -> None:
        self._path = path
        self._warning = warning
        self._key = key
        self._heading = heading

    def run(
        self, context: Context, options: Options, more: dict[str, dict[str, bool]] | None = None
    ) -> int:
        """Do it; `more` are filters that follow from other flags. Exit status."""
        conditions = options.list("filter")
        if not options.on("force") and not confirmed(self._warning, conditions):
            return 0
        filters = {**encode_filters(conditions), **(more or {})}
        answer: Any = context.api.post(self._path, {"filters": filters})
        gone = answer.get(self._key) or []
        if gone:
            context.say("\n".join([f"{self._heading}:", *gone, ""]))
        context.say(f"Total reclaimed space: {size(answer.get('SpaceReclaimed') or 0, 4)}")
        return 0


def confirmed(warning: str, conditions: Sequence[str] = ()) -> bool:
    """Say what would happen, and ask: only y and yes are a yes."""
    text = f"WARNING! {warning}\n"
    if conditions:
        text += "  Items to be pruned will be filtered with:\n"
        text += "".join(f"  - {condition}\n" for condition in conditions)
    return ask(f"{text}Are you sure you want to continue? [y/N] ").lower() in ("y", "yes")
