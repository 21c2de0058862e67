"""Before anything of a container is touched: no way from it to a writable interpreter of ours."""

from __future__ import annotations

from wherry.runtime.own_executable import execute_read_only


def seal() -> None:
    """Start over through a read-only mount of the interpreter, unless that is so already.

    Without the right to mount we stay as we are: who lacks it cannot write the interpreter either.
    """
    try:
        execute_read_only()
    except PermissionError:
        return
