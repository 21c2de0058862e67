"""The terminal's master: handed to who asked for it, or relayed to our own terminal.

The socket protocol is runc's (docs/terminals.md there, "Detached"): one message with the name of
the terminal as its data and the descriptor attached.
"""

from __future__ import annotations

import os
import struct
from _socket import AF_UNIX, SCM_RIGHTS, SOCK_CLOEXEC, SOCK_STREAM, SOL_SOCKET
from _socket import socket as Socket

from wherry.kernel import pty
from wherry.runtime.oci.refusal import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def set_size(master: int, size: dict[str, Any] | None) -> None:
    """Give the terminal the size of `process.consoleSize`, else that of ours, if there is one.

    At once, while the process is still on its way to its program, which may look at it first thing.
    """
    if size:
        pty.set_winsize(master, size["height"], size["width"])
    elif os.isatty(0):
        pty.set_winsize(master, *pty.get_winsize(0))


def hand_over(master: int, path: str) -> int:
    """Send the master to the socket at `path`; -1 then, the master itself if `path` is empty."""
    if not path:
        return master
    socket = Socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)
    try:
        socket.connect(path)
        rights = struct.pack("=i", master)
        socket.sendmsg([b"/dev/ptmx"], [(SOL_SOCKET, SCM_RIGHTS, rights)])
    except OSError as error:
        raise Refusal(f"console socket {path}: {error.strerror}") from None
    finally:
        socket.close()
        os.close(master)
    return -1
