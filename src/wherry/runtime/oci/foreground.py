"""Stay with a process until it ends: pass on signals and the terminal, return its exit status."""

from __future__ import annotations

import _signal
import os
import select
import termios
import tty

from wherry.kernel import process, pty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Self

CHUNK = 32768
NOT_FORWARDED = (
    _signal.SIGCHLD,
    _signal.SIGPIPE,
    _signal.SIGURG,
    _signal.SIGKILL,
    _signal.SIGSTOP,
    _signal.SIGWINCH,
    _signal.SIGTTIN,
    _signal.SIGTTOU,
    _signal.SIGTSTP,
    _signal.SIGSEGV,
    _signal.SIGBUS,
    _signal.SIGFPE,
    _signal.SIGILL,
    _signal.SIGABRT,
)
"""Ours alone: about our children, our terminal, or our own mistakes."""


def stay(pidfd: int, master: int) -> int:
    """Wait for the child behind `pidfd`; its exit status, 128 + n for signal n.

    `master` is the process's terminal, to be relayed to ours, or -1.
    """
    _forward_signals(pidfd)
    if master < 0:
        status = process.wait_pidfd(pidfd)
    else:
        with RawTerminal(0) as terminal:
            terminal.follow_size(master)
            _relay(pidfd, master)
            status = process.wait_pidfd(pidfd)
    code = os.waitstatus_to_exitcode(status or 0)
    return 128 - code if code < 0 else code


def _forward_signals(pidfd: int) -> None:
    def forward(number: int, _: FrameType | None) -> None:
        try:
            process.pidfd_send_signal(pidfd, number)
        except ProcessLookupError:
            pass

    for number in _signal.valid_signals():
        if number not in NOT_FORWARDED and number not in (32, 33):
            _signal.signal(number, forward)


class RawTerminal:
    """Our own terminal in raw mode for as long as the scope lasts; nothing if it is none."""

    __slots__ = ("_fd", "_saved")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._saved = termios.tcgetattr(fd) if os.isatty(fd) else None

    def __enter__(self) -> Self:
        if self._saved:
            tty.setraw(self._fd)
        return self

    def __exit__(self, *_: object) -> None:
        if self._saved:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._saved)

    def follow_size(self, master: int) -> None:
        """Give `master` our size, now and whenever it changes."""
        if not self._saved:
            return

        def resize(*_: object) -> None:
            pty.set_winsize(master, *pty.get_winsize(self._fd))

        resize()
        _signal.signal(_signal.SIGWINCH, resize)


def _relay(pidfd: int, master: int) -> None:
    """Copy both ways until the process has ended and its output is written."""
    poll = select.poll()
    for fd in (0, master, pidfd):
        poll.register(fd, select.POLLIN)
    while True:
        ready = dict(poll.poll())
        if master in ready:
            if not _copy(master, 1):
                poll.unregister(master)
                master = -1
        elif pidfd in ready:
            return
        if 0 in ready and not _copy(0, master):
            poll.unregister(0)


def _copy(source: int, target: int) -> bool:
    """One piece; False at the end (EIO: nobody has the terminal's other side open)."""
    try:
        data = os.read(source, CHUNK)
        rest = memoryview(data)
        while rest and target >= 0:
            rest = rest[os.write(target, rest) :]
    except OSError:
        return False
    return bool(data)
