"""delete: remove a container that has stopped, or with --force any."""

from __future__ import annotations

import os

from wherry.runtime.oci import ending
from wherry.runtime.oci.container import CREATED, STATE, STOPPED, load, remove_directory, the_only
from wherry.runtime.oci.flags import SWITCH
from wherry.runtime.oci.refusal import NOT_THERE, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.oci.main import Context

ROWS = (("force,f", SWITCH, "delete the container even if it is still running (uses SIGKILL)"),)
ARGUMENTS = "<container-id>"


def run(context: Context, options: dict[str, Any], words: list[str]) -> int:
    """One that was only created is killed first; one that is not there is no error with --force."""
    id = the_only(words, "delete")
    try:
        container = load(context.root, id)
    except Refusal as refusal:
        if refusal.message != NOT_THERE:
            raise
        _remove_aborted(os.path.join(context.root, id))
        if options["force"]:
            return 0
        raise
    status = container.status()
    if options["force"] or status == CREATED:
        ending.kill(container)
    elif status != STOPPED:
        raise Refusal(f"cannot delete container {id} that is not stopped: {status}")
    ending.destroy(container, context.report)
    return 0


def _remove_aborted(directory: str) -> None:
    """The directory of a create that was killed before it wrote its state."""
    if os.path.isdir(directory) and not os.path.exists(f"{directory}/{STATE}"):
        remove_directory(directory)
