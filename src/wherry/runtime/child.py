"""The container's first process, from clone3 to execve.

`run` never returns: it carries out the plan's steps, whose last is exec, or reports the one that
failed and exits. Everything it does stands in the plan, in order; `steps/table.py` says which
function does it.
"""

from __future__ import annotations

import _signal
import marshal
import os

from wherry.runtime.failure import Failure, text_of
from wherry.runtime.steps.table import STEPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from wherry.runtime.start import Child

    Plan = dict[str, Any]

EXIT_FAILED = 127
_INLINE = b"\0"  # protocol.py, the framing of status messages


def run(plan: Plan, child: Child) -> NoReturn:
    """Carry out the steps of `plan`; the process is another program afterwards, or gone."""
    name = "start"
    try:
        for name, *arguments in plan["steps"]:
            STEPS[name](child, *arguments)
    except Failure as failure:
        report(child.status, name, failure.errno, failure.text)
    except OSError as error:
        report(child.status, name, error.errno or 0, f"{name}: {text_of(error)}")
    except BaseException as error:  # noqa: BLE001  # whatever it is, the keeper must hear of it
        report(child.status, name, 0, f"{name}: {type(error).__name__}: {error}")
    os._exit(EXIT_FAILED)


def report(status: int, step: str, errno: int, text: str) -> None:
    """Tell the keeper which step failed (protocol.py, `failure`).

    write(2), because a strict seccomp filter may already allow little else; a reader that is gone
    (wherry-oci's, once `create` is over) leaves only the container's standard error.
    """
    message = {"error": {"step": step, "errno": errno, "text": text}}
    try:
        _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)
        os.write(status, _INLINE + marshal.dumps(message, 2))
    except OSError:
        os.write(2, f"{text}\n".encode())
