"""kill: send a signal."""

from __future__ import annotations

import _signal

from wherry.runtime.oci import ending
from wherry.runtime.oci.container import STOPPED, load
from wherry.runtime.oci.flags import SWITCH
from wherry.runtime.oci.refusal import NOT_RUNNING, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.oci.main import Context

ROWS = (("all,a", SWITCH, "send the signal to all processes inside the container"),)
ARGUMENTS = "<container-id> [signal]"


def run(context: Context, options: dict[str, Any], words: list[str]) -> int:
    """SIGTERM unless another signal is named, by number or name."""
    if not 1 <= len(words) <= 2:
        raise Refusal('wherry-oci: "kill" requires 1 or 2 argument(s)')
    container = load(context.root, words[0])
    number = signal_number(words[1] if len(words) > 1 else "SIGTERM")
    if options["all"]:
        if container.status() == STOPPED and not container.cgroup.pids():
            raise Refusal(NOT_RUNNING)
        container.cgroup.kill(number)
    else:
        ending.signal(container, number)
    return 0


def signal_number(text: str) -> int:
    """9, "9", "KILL", "SIGKILL", "sigkill" -> 9; Refusal for anything else."""
    if text.isdecimal():
        number = int(text)
    else:
        name = text.upper().removeprefix("SIG")
        number = getattr(_signal, f"SIG{name}", -1) if name.isalnum() else -1
    if not isinstance(number, int) or not 0 <= number <= 64:
        raise Refusal(f'unknown signal "{text}"')
    return number
