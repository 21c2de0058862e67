"""`Session`: this process's stdin, stdout and stderr joined to a container's, over one connection.

One poll loop. Stdin is read only when all of it before has been sent, and the connection is
read only when stdout takes more, so a slow side slows the other one and nothing piles up.
"""

from __future__ import annotations

import os
import select

from wherry.cli.detachkeys import DetachKeys
from wherry.cli.frames import FrameSplitter, PlainOutput
from wherry.cli.output import STDOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.cli.http import Connection

STDIN = 0
_READ_SIZE = 1 << 16
_RECEIVE_SIZE = 1 << 18
_SHUT_WRITE = 1
_NO_SIGNAL = 0x4000  # MSG_NOSIGNAL
_NO_WAIT = 0x40  # MSG_DONTWAIT
_ENDED = select.POLLIN | select.POLLHUP | select.POLLERR


class Session:
    """Copies both ways until the container's output ends, or the detach keys are typed.

    `stdin` says whether typed input is sent; `keys` (b"" for none) are looked for in it.
    `closes_stdin` tells the container of the end of input (half-close). With `terminal` the
    stream has no frames.
    """

    __slots__ = (
        "_closes_stdin",
        "_connection",
        "_detach",
        "_output",
        "_pending",
        "_reads_stdin",
        "detached",
    )

    def __init__(
        self,
        connection: Connection,
        *,
        stdin: bool,
        terminal: bool,
        keys: bytes = b"",
        closes_stdin: bool = True,
    ) -> None:
        self._connection = connection
        self._reads_stdin = stdin
        self._closes_stdin = closes_stdin
        self._detach = DetachKeys(keys)
        self._output = PlainOutput() if terminal else FrameSplitter()
        self._pending = b""
        self.detached = False

    def run(self) -> None:
        """Copy; returns when the output has ended or `detached` is set."""
        early = self._connection.take_buffered()
        if early:
            self._output.feed(early)
        if not self._reads_stdin and not self._closes_stdin:
            self._drain()
            return
        if not self._reads_stdin:
            self._half_close()
            self._drain()
            return
        while not self.detached and self._step():
            pass

    def _drain(self) -> None:
        """Only output is left: blocking reads are enough."""
        feed = self._output.feed
        receive: Callable[[int], bytes] = self._connection.socket.recv
        while data := _receive(receive):
            feed(data)

    def _step(self) -> bool:
        """Wait for something to do and do it. False when the output has ended."""
        ready = self._wait()
        link = self._connection.socket.fileno()
        if ready.get(link, 0) & select.POLLOUT and self._pending:
            self._send()
        if ready.get(STDIN, 0) & (_ENDED | select.POLLNVAL):
            self._read_stdin()
        if ready.get(link, 0) & _ENDED:
            return self._receive_some()
        return True

    def _wait(self) -> dict[int, int]:
        poll = select.poll()
        events = select.POLLOUT if self._pending else 0
        if self._output_ready():
            events |= select.POLLIN
        else:
            poll.register(STDOUT, select.POLLOUT)
        poll.register(self._connection.socket.fileno(), events)
        if self._reads_stdin and not self._pending:
            poll.register(STDIN, select.POLLIN)
        return dict(poll.poll())

    def _output_ready(self) -> bool:
        poll = select.poll()
        poll.register(STDOUT, select.POLLOUT)
        return bool(poll.poll(0))

    def _read_stdin(self) -> None:
        try:
            typed = os.read(STDIN, _READ_SIZE)
        except OSError:
            typed = b""
        if not typed:
            self._reads_stdin = False
            if self._closes_stdin:
                self._half_close()
            return
        self._pending = self._detach.filter(typed)
        if self._pending:
            self._send()
        self.detached = self._detach.found

    def _send(self) -> None:
        try:
            sent = self._connection.socket.send(self._pending, _NO_SIGNAL | _NO_WAIT)
        except BlockingIOError:
            return
        except OSError:
            # The other side no longer wants input; its output may still be on the way.
            sent, self._reads_stdin = len(self._pending), False
        self._pending = self._pending[sent:]

    def _half_close(self) -> None:
        try:  # noqa: SIM105
            self._connection.socket.shutdown(_SHUT_WRITE)
        except OSError:
            pass  # the daemon was quicker: nothing is left to end

    def _receive_some(self) -> bool:
        data = _receive(self._connection.socket.recv)
        if data:
            self._output.feed(data)
        return bool(data)


def _receive(receive: Callable[[int], bytes]) -> bytes:
    try:
        return receive(_RECEIVE_SIZE)
    except ConnectionResetError:
        return b""  # a daemon that dies ends the output; the wait for the exit status says more
