"""Version 1 freezer (cgroup-v1/freezer-subsystem.rst)."""

from __future__ import annotations

import errno
import time

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STATE = "freezer.state"
ATTEMPTS = 1000
PAUSE = 0.001


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Nothing can be set; see `freeze` and `thaw`."""


def stats(directory: str) -> dict[str, Any]:
    """Nothing is counted."""
    return {}


def freeze(directory: str) -> None:
    """Freeze all tasks; OSError ETIMEDOUT when some cannot be frozen within a second or so.

    A task that forks at the wrong moment keeps the state at FREEZING for ever; thawing for a
    moment and trying again gets over it.
    """
    for attempt in range(ATTEMPTS):
        if attempt % 50 == 49:
            interface.write(directory, STATE, "THAWED")
            time.sleep(PAUSE)
        interface.write(directory, STATE, "FROZEN")
        if frozen(directory):
            return
        time.sleep(PAUSE)
    thaw(directory)
    raise OSError(errno.ETIMEDOUT, "unable to freeze", f"{directory}/{STATE}")


def thaw(directory: str) -> None:
    """Let all tasks go on."""
    interface.write(directory, STATE, "THAWED")


def frozen(directory: str) -> bool:
    """Whether all tasks stand still."""
    return interface.read_or(directory, STATE) == "FROZEN"
