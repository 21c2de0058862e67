"""`Fields`: what a template sees of an object in a list."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


class Fields(dict):  # type: ignore[type-arg]
    """An object of a list: fields that are worked out when asked for, and methods.

    It is a dict of all its fields, so that `{{json .}}` prints them.
    """

    def __init__(
        self,
        kind: str,
        getters: Mapping[str, Callable[[Any], Any]],
        item: Any,
        methods: Mapping[str, Callable[..., Any]],
    ) -> None:
        super().__init__((name, getters[name](item)) for name in sorted(getters))
        self.kind = kind
        self.methods = {name: _bound(method, item) for name, method in methods.items()}


def _bound(method: Callable[..., Any], item: Any) -> Callable[..., Any]:
    return lambda *arguments: method(item, *arguments)
