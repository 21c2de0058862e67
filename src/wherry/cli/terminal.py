"""The terminal that the command runs on: raw mode and size."""

from __future__ import annotations

import os
import termios

# Positions in what tcgetattr gives.
_INPUT, _OUTPUT, _CONTROL, _LOCAL, _CHARS = 0, 1, 2, 3, 6


class RawTerminal:
    """Puts the terminal `fd` into raw mode until `restore` (or the end of a with block).

    As cfmakeraw(3): no echo, no line editing, no signal keys, no processing of output; all of it
    is the business of the terminal inside the container.
    """

    __slots__ = ("_before", "_fd")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before = termios.tcgetattr(fd)
        mode = termios.tcgetattr(fd)
        mode[_INPUT] &= ~(
            termios.IGNBRK
            | termios.BRKINT
            | termios.PARMRK
            | termios.ISTRIP
            | termios.INLCR
            | termios.IGNCR
            | termios.ICRNL
            | termios.IXON
        )
        mode[_OUTPUT] &= ~termios.OPOST
        mode[_LOCAL] &= ~(
            termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN
        )
        mode[_CONTROL] = (mode[_CONTROL] & ~(termios.CSIZE | termios.PARENB)) | termios.CS8
        mode[_CHARS][termios.VMIN] = 1
        mode[_CHARS][termios.VTIME] = 0
        termios.tcsetattr(fd, termios.TCSANOW, mode)

    def restore(self) -> None:
        """Back to the mode before."""
        termios.tcsetattr(self._fd, termios.TCSANOW, self._before)

    def __enter__(self) -> RawTerminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()


def window_size(fd: int) -> tuple[int, int]:
    """(rows, columns) of the terminal; (0, 0) when it is none or does not know."""
    try:
        size = os.get_terminal_size(fd)
    except OSError:
        return 0, 0
    return size.lines, size.columns
