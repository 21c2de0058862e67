"""pause: freeze all processes."""

from __future__ import annotations

from wherry.runtime.oci.container import CREATED, RUNNING, load, the_only
from wherry.runtime.oci.refusal import NOT_RUNNING, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.oci.flags import Row
    from wherry.runtime.oci.main import Context

ROWS: tuple[Row, ...] = ()
ARGUMENTS = "<container-id>"


def run(context: Context, options: dict[str, Any], words: list[str]) -> int:
    """Only what runs, or waits to, can be paused."""
    container = load(context.root, the_only(words, "pause"))
    if container.status() not in (RUNNING, CREATED):
        raise Refusal(NOT_RUNNING)
    container.cgroup.freeze()
    return 0
