"""A launcher for the keeper's tests: plain children, no container.

Understands plans {"argv": [...]} with, instead or in addition: "fail": a step's name (the child
reports it), "refuse": True (no child is made), "die": a number of a signal that the launcher gets
before it answers, "crash": True (the child dies before execve), "wait": seconds before execve.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from _socket import AF_UNIX, SOCK_SEQPACKET, socket
from typing import Any

sys.path.insert(0, sys.argv[1])

from wherry.kernel import process
from wherry.runtime import protocol

TIOCSCTTY, TIOCSPTLCK, TIOCGPTPEER = 0x540E, 0x40045431, 0x5441


def _terminal(status: socket) -> None:
    import fcntl
    import struct

    master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    fcntl.ioctl(master, TIOCSPTLCK, struct.pack("i", 0))
    slave = fcntl.ioctl(master, TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY)
    protocol.send(status, {"pty": True}, [master])
    os.setsid()
    fcntl.ioctl(slave, TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)


def _stdio(indexes: list[int], fds: list[int]) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for target, index in enumerate(indexes):
        os.dup2(fds[index] if index >= 0 else null, target)


def _child(message: dict[str, Any], fds: list[int]) -> None:
    plan = message["plan"]
    status = socket(AF_UNIX, SOCK_SEQPACKET, 0, fileno=fds[message["status"]])
    if plan.get("crash"):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(plan.get("wait", 0))
    if step := plan.get("fail"):
        protocol.send(status, {"error": protocol.failure(step, 2, "as told")})
        os._exit(127)
    if message["terminal"]:
        _terminal(status)
    else:
        _stdio(message["stdio"], fds)
    os.execv(plan["argv"][0], plan["argv"])


def main() -> None:
    """Serve until the keeper hangs up."""
    os.set_inheritable(3, False)
    sock = socket(AF_UNIX, SOCK_SEQPACKET, 0, fileno=3)
    while received := protocol.receive(sock):
        message, fds = received
        plan = message["plan"]
        if plan.get("refuse"):
            error = protocol.failure("clone", 11, "as told")
            protocol.send(sock, {"re": message["seq"], "error": error})
        else:
            pid, pidfd = process.clone3(process.CLONE_PARENT)
            if not pid:
                try:
                    _child(message, fds)
                finally:
                    os._exit(126)
            if signo := plan.get("die"):
                os.kill(os.getpid(), signo)
            extra = [fds[0]] if plan.get("rootfs") else []
            protocol.send(sock, {"re": message["seq"], "pid": pid}, [pidfd, *extra])
            os.close(pidfd)
        protocol.close_all(fds)


main()
