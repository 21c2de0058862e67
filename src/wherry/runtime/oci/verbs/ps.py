"""ps: the processes inside a container, as ps(1) shows them or as a list of pids."""

from __future__ import annotations

import os
import sys

from wherry import jsontext
from wherry.runtime.oci.container import STOPPED, load
from wherry.runtime.oci.flags import TEXT
from wherry.runtime.oci.refusal import NOT_RUNNING, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.oci.main import Context

ROWS = (("format,f", TEXT, "select one of: table or json (default: table)"),)
ARGUMENTS = "<container-id> [ps options]"


def run(context: Context, options: dict[str, Any], words: list[str]) -> int:
    """Options of ps(1) may follow the id; -ef by default. They must show a PID column."""
    if not words:
        raise Refusal('wherry-oci: "ps" requires a minimum of 1 argument')
    container = load(context.root, words[0])
    if container.status() == STOPPED:
        raise Refusal(NOT_RUNNING)
    form = options["format"] or "table"
    if form not in ("table", "json"):
        raise Refusal("invalid format option")
    pids = container.cgroup.pids()
    if form == "json":
        sys.stdout.write(jsontext.encode_ascii(pids) + "\n")
    else:
        sys.stdout.write(select(_output_of_ps(words[1:] or ["-ef"]), pids))
    return 0


def _output_of_ps(arguments: list[str]) -> str:
    ours, its = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, its, 1), (os.POSIX_SPAWN_CLOSE, ours)]
    try:
        pid = os.posix_spawnp("ps", ["ps", *arguments], os.environ, file_actions=actions)
    finally:
        os.close(its)
    with os.fdopen(ours, encoding="utf-8", errors="replace") as pipe:
        text = pipe.read()
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
        raise Refusal(f"ps {' '.join(arguments)} failed")
    return text


def select(text: str, pids: list[int]) -> str:
    """The heading and the lines of `text` whose PID column holds one of `pids`."""
    heading, *lines = text.splitlines() or [""]
    if "PID" not in heading.split():
        raise Refusal("couldn't find PID field in ps output")
    column = heading.split().index("PID")
    wanted = {str(pid) for pid in pids}
    chosen = [
        line
        for line in lines
        if line.split()[column : column + 1] and line.split()[column] in wanted
    ]
    return "".join(f"{line}\n" for line in [heading, *chosen])
