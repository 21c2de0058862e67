"""create: everything but the user's program, which waits for `start`."""

from __future__ import annotations

import os

from wherry.runtime.oci.begin import ROWS, begin, prepare, undo, write_pid_file
from wherry.runtime.oci.container import the_only
from wherry.runtime.oci.refusal import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.oci.main import Context

__all__ = ["ARGUMENTS", "ROWS", "run"]

ARGUMENTS = "<container-id>"


def run(context: Context, options: dict[str, Any], words: list[str]) -> int:
    """Make the container; its process waits at the fifo when this returns."""
    id = the_only(words, "create")
    container = prepare(context, options, id, detached=True)
    try:
        os.mkfifo(container.fifo, 0o600)
        gate = os.open(container.fifo, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        begun = begin(container, options, gate=gate)
    except Refusal as refusal:
        raise Refusal(f"wherry-oci create failed: {refusal.message}") from None
    try:
        write_pid_file(options["pid-file"], container.pid)
    except OSError:
        undo(container, begun)
        raise
    return 0
