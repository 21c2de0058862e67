"""run: create and start in one go; without --detach, stay until the end."""

from __future__ import annotations

import os

from wherry.kernel import process
from wherry.runtime.failure import Failure
from wherry.runtime.oci import begin, ending, foreground, hooks
from wherry.runtime.oci.container import RUNNING, the_only
from wherry.runtime.oci.flags import SWITCH
from wherry.runtime.oci.refusal import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.oci.main import Context

ROWS = (
    *begin.ROWS,
    ("detach,d", SWITCH, "detach from the container's process"),
    ("keep", SWITCH, "do not delete the container after it exits"),
    ("no-subreaper", SWITCH, "do not become the parent of the container's orphans"),
)
ARGUMENTS = "<container-id>"


def run(context: Context, options: dict[str, Any], words: list[str]) -> int:
    """The container's exit status, or 0 once it runs detached."""
    id = the_only(words, "run")
    detached = options["detach"]
    container = begin.prepare(context, options, id, detached=detached)
    if not detached and not options["no-subreaper"]:
        process.set_child_subreaper()
    try:
        begun = begin.begin(container, options)
        begin.write_pid_file(options["pid-file"], container.pid)
        hooks.run(container, "poststart", RUNNING)
    except Failure as failure:
        ending.kill(container)
        ending.destroy(container, context.report)
        raise Refusal(f"wherry-oci run failed: {failure.text}") from None
    except Refusal as refusal:
        raise Refusal(f"wherry-oci run failed: {refusal.message}") from None
    if detached:
        return 0
    status = foreground.stay(begun.made.pidfd, begun.master)
    os.close(begun.made.root)
    if not options["keep"]:
        container.cgroup.kill()
        ending.destroy(container, context.report)
    return status
