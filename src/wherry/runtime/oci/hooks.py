"""Hooks (runtime-spec config.md, "POSIX-platform Hooks"): in our namespaces, or as steps in the
container's. Each gets the container's state as JSON on standard input."""

from __future__ import annotations

from wherry import jsontext
from wherry.runtime.start import Child
from wherry.runtime.steps import gate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.oci.container import Container


def run(container: Container, kind: str, status: str) -> None:
    """Run the hooks of one kind here, in order. Raises Failure when one fails."""
    for hook in _rows(container, kind):
        gate.hook(Child(-1, (-1, -1, -1), []), kind, *_arguments(container, hook, status))


def steps(container: Container, kind: str, status: str) -> list[tuple[Any, ...]]:
    """The same as steps of a plan, run by the container's process where they stand."""
    return [("hook", kind, *_arguments(container, hook, status)) for hook in _rows(container, kind)]


def _rows(container: Container, kind: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (container.spec.get("hooks") or {}).get(kind) or []
    return rows


def _arguments(
    container: Container, hook: dict[str, Any], status: str
) -> tuple[str, list[str], list[str], int, str]:
    state = jsontext.encode_ascii({**container.state(status), "pid": container.pid})
    return (
        hook["path"],
        list(hook.get("args") or [hook["path"]]),
        list(hook.get("env") or []),
        hook.get("timeout") or 0,
        state,
    )
