"""Work inside another network namespace: by a thread that enters it and ends.

A thread's namespace is its own; ending it is cheaper and safer than bringing it back. Sockets stay
in the namespace where they were made, whoever uses them later, and lead back to it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from wherry.kernel.namespace import CLONE_NEWNET, setns

T = TypeVar("T")

_SIOCGSKNS = 0x894C  # the network namespace of a socket, as a new descriptor (linux/sockios.h)


def namespace_of(sock: socket.socket) -> int:
    """A descriptor, the caller's from now on, of the namespace that a socket belongs to.

    Raises OSError (EPERM without CAP_NET_ADMIN over that namespace).
    """
    fd = fcntl.ioctl(sock.fileno(), _SIOCGSKNS)
    os.set_inheritable(fd, False)
    return fd


async def call_inside(namespace: int, work: Callable[[], T]) -> T:
    """What `work` returns or raises, done in a thread that is in the namespace.

    `namespace` may be closed once this has been called. When the caller is cancelled, the work goes
    on and what it returns is closed if it can be.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()
    entrance = os.dup(namespace)

    def run() -> None:
        try:
            try:
                setns(entrance, CLONE_NEWNET)
            finally:
                os.close(entrance)
            result = work()
        except BaseException as error:  # noqa: BLE001 - handed to the waiting caller as it is
            _tell(loop, partial(_fail, outcome, error))
        else:
            _tell(loop, partial(_succeed, outcome, result))

    threading.Thread(target=run, name="inside", daemon=True).start()
    return await outcome


def _tell(loop: asyncio.AbstractEventLoop, report: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(report)


def _fail(outcome: asyncio.Future[T], error: BaseException) -> None:
    if not outcome.done():
        outcome.set_exception(error)


def _succeed(outcome: asyncio.Future[T], result: T) -> None:
    if not outcome.done():
        outcome.set_result(result)
        return
    close = getattr(result, "close", None)
    if close is not None:
        close()
