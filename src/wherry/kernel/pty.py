"""Pseudo-terminals of a given devpts instance (pty(7), ioctl_tty(2))."""

from __future__ import annotations

import fcntl
import os
import stat
import struct
import termios

from wherry.kernel import path

_TIOCSPTLCK = 0x40045431
_TIOCGPTPEER = 0x5441
_TIOCGPTN = 0x80045430
_PTMX = (5, 2)
_WINSIZE = struct.Struct("=4H")


def open_pty(devpts: str = "/dev/pts") -> tuple[int, int, int]:
    """A new pair of the devpts mounted at `devpts`: (master, slave, number), close-on-exec.

    The node is taken without following links and must be a real ptmx, for in a running container
    its owner may have put anything there. Raises OSError.
    """
    master = path.openat2(
        -100, f"{devpts}/ptmx", os.O_RDWR | os.O_NOCTTY, resolve=path.RESOLVE_NO_SYMLINKS
    )
    try:
        _check_ptmx(master, devpts)
        fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("=i", 0))
        (number,) = struct.unpack("=i", fcntl.ioctl(master, _TIOCGPTN, bytes(4)))
        flags = os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC
        return master, fcntl.ioctl(master, _TIOCGPTPEER, flags), number
    except OSError:
        os.close(master)
        raise


def _check_ptmx(master: int, devpts: str) -> None:
    facts = os.fstat(master)
    device = (os.major(facts.st_rdev), os.minor(facts.st_rdev))
    if not stat.S_ISCHR(facts.st_mode) or device != _PTMX:
        raise OSError(25, "not a pseudo-terminal multiplexer", f"{devpts}/ptmx")


def take_as_controlling(slave: int) -> None:
    """Make `slave` the controlling terminal of this session, which must have none."""
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


def get_winsize(fd: int) -> tuple[int, int]:
    """(rows, columns) of a terminal."""
    rows, columns, _, _ = _WINSIZE.unpack(fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8)))
    return rows, columns


def set_winsize(fd: int, rows: int, columns: int) -> None:
    """Set a terminal's size; its foreground job gets SIGWINCH."""
    fcntl.ioctl(fd, termios.TIOCSWINSZ, _WINSIZE.pack(rows, columns, 0, 0))
