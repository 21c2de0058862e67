"""Telling the daemon how large the terminal is, at the start and whenever it changes."""

from __future__ import annotations

from wherry.cli.failures import Failure
from wherry.cli.output import STDOUT
from wherry.cli.signals import SIGWINCH, catch
from wherry.cli.terminal import window_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.api import Api


def follow_size(api: Api, target: str, *, redraw: bool = False) -> None:
    """Resize `target` ("/containers/ID" or "/exec/ID") now and at each SIGWINCH.

    With `redraw` it first gets another size, so that a program that is there already sees a
    change and draws its screen anew.
    """

    def send(extra: int = 0) -> None:
        rows, columns = (number + extra for number in window_size(STDOUT))
        if rows <= extra or columns <= extra:
            return
        try:  # noqa: SIM105
            api.begin("POST", f"{target}/resize", {"h": rows, "w": columns}).result()
        except Failure:
            pass  # it has ended, or has not started; the next change tries again

    catch(SIGWINCH, send)
    if redraw:
        send(1)
    send()
