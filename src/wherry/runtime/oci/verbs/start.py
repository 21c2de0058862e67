"""start: let the program of a created container begin."""

from __future__ import annotations

import errno
import os

from wherry.runtime.failure import Failure
from wherry.runtime.oci import ending, hooks
from wherry.runtime.oci.container import CREATED, RUNNING, STOPPED, load, the_only
from wherry.runtime.oci.refusal import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.oci.container import Container
    from wherry.runtime.oci.flags import Row
    from wherry.runtime.oci.main import Context

ROWS: tuple[Row, ...] = ()
ARGUMENTS = "<container-id>"
WHY_NOT = {
    STOPPED: "cannot start a container that has stopped",
    RUNNING: "cannot start an already running container",
}


def run(context: Context, options: dict[str, Any], words: list[str]) -> int:
    """Open the gate, then run the poststart hooks; one that fails ends the container."""
    container = load(context.root, the_only(words, "start"))
    status = container.status()
    if status != CREATED:
        raise Refusal(WHY_NOT.get(status, f"cannot start a container in the {status} state"))
    _open_gate(container)
    try:
        hooks.run(container, "poststart", RUNNING)
    except Failure as failure:
        ending.kill(container)
        raise Refusal(failure.text) from None
    return 0


def _open_gate(container: Container) -> None:
    try:
        fifo = os.open(container.fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nobody reads any more
            raise Refusal(WHY_NOT[STOPPED]) from None
        raise
    os.write(fifo, b"0")
    os.close(fifo)
    os.unlink(container.fifo)
