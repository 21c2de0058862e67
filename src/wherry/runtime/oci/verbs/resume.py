"""resume: let a paused container go on."""

from __future__ import annotations

from wherry.runtime.oci.container import PAUSED, load, the_only
from wherry.runtime.oci.refusal import NOT_PAUSED, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.oci.flags import Row
    from wherry.runtime.oci.main import Context

ROWS: tuple[Row, ...] = ()
ARGUMENTS = "<container-id>"


def run(context: Context, options: dict[str, Any], words: list[str]) -> int:
    """Only what is paused can be resumed."""
    container = load(context.root, the_only(words, "resume"))
    if container.status() != PAUSED:
        raise Refusal(NOT_PAUSED)
    container.cgroup.thaw()
    return 0
