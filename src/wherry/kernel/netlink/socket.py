"""The netlink socket: requests with their acknowledgements, dumps, notifications (netlink(7)).

A socket belongs to the network namespace that its thread was in when it was opened, and stays
there: one that was opened inside a container's namespace configures that from anywhere.
Answers come while the request is being made, so no call here waits for longer than the kernel
works on it; most take less than 0.1 ms.
"""

from __future__ import annotations

import _socket
import errno
from collections.abc import Iterable, Iterator
from typing import Final, Self

from wherry.kernel.netlink.message import (
    NLM_F_ACK,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLMSG_DONE,
    NLMSG_ERROR,
    Message,
    Request,
    failure,
    messages,
)

NETLINK_ROUTE: Final = 0
NETLINK_NETFILTER: Final = 12

_AF_NETLINK: Final = 16
_SOL_NETLINK: Final = 270
_NETLINK_ADD_MEMBERSHIP: Final = 1
_NETLINK_CAP_ACK: Final = 10
_NETLINK_EXT_ACK: Final = 11
_NETLINK_GET_STRICT_CHK: Final = 12
_BUFFER: Final = 1 << 18
_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33
_ROOM: Final = 8 << 20
_DUMP_ATTEMPTS: Final = 5


class NetlinkSocket:
    """One netlink socket; not for two threads at once."""

    __slots__ = ("_sequence", "_socket")

    def __init__(self, protocol: int) -> None:
        kind = _socket.SOCK_RAW | _socket.SOCK_CLOEXEC
        self._socket = _socket.socket(_AF_NETLINK, kind, protocol)
        self._sequence = 0
        try:
            self._socket.bind((0, 0))
            for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK):
                self._set_where_known(option)
        except BaseException:
            self.close()
            raise

    def _set_where_known(self, option: int) -> None:
        try:
            self._socket.setsockopt(_SOL_NETLINK, option, 1)
        except OSError as error:
            if error.errno != errno.ENOPROTOOPT:  # kernels before 4.20
                raise

    def make_room(self) -> None:
        """Buffers for batches of thousands of elements, and for their answers (socket(7))."""
        for option in (_SO_SNDBUFFORCE, _SO_RCVBUFFORCE):
            self._socket.setsockopt(_socket.SOL_SOCKET, option, _ROOM)

    def fileno(self) -> int:
        """The descriptor, for an event loop."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close it; a second call does nothing."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def execute(self, *requests: Request) -> None:
        """Send all in one go; the kernel works through them in order, also past a failed one.

        Raises OSError of the first that failed, once all were answered.
        """
        if not requests:
            return
        first, data = self._sequence + 1, bytearray()
        for request in requests:
            self._sequence += 1
            flagged = Request(request.kind, request.flags | NLM_F_ACK, request.body)
            data += flagged.encode(self._sequence)
        self._socket.send(data)
        failed: OSError | None = None
        for answer in self._acknowledgements(self._sequence):
            index = answer.sequence - first
            if 0 <= index < len(requests):
                failed = failed or failure(answer, requests[index].about)
        if failed is not None:
            raise failed

    def _acknowledgements(self, last: int) -> Iterator[Message]:
        while True:
            for answer in messages(self._receive()):
                if answer.kind == NLMSG_ERROR:
                    yield answer
                    if answer.sequence == last:
                        return

    def send(self, data: bytes) -> None:
        """Send encoded messages as they are (batches of nfnetlink)."""
        self._socket.send(data)

    def receive(self) -> list[Message]:
        """The messages of the next datagram; waits for one."""
        return list(messages(self._receive()))

    def pending(self) -> list[Message]:
        """What has come so far, without waiting. Raises OSError(ENOBUFS) when some was lost."""
        found: list[Message] = []
        while True:
            try:
                data = self._socket.recv(_BUFFER, _socket.MSG_DONTWAIT)
            except BlockingIOError:
                return found
            found += messages(data)

    def next_sequence(self, count: int = 1) -> int:
        """The first of `count` sequence numbers that nobody else uses."""
        first = self._sequence + 1
        self._sequence += count
        return first

    def dump(self, request: Request) -> list[Message]:
        """All answers to a dump; begun anew when what is dumped changed meanwhile.

        Raises OSError(EAGAIN) when it changes faster than it can be read.
        """
        for _ in range(_DUMP_ATTEMPTS):
            whole, found = self._dump_once(request)
            if whole:
                return found
        raise OSError(errno.EAGAIN, f"{request.about}: changed while it was read, again and again")

    def _dump_once(self, request: Request) -> tuple[bool, list[Message]]:
        sequence = self.next_sequence()
        flagged = Request(request.kind, request.flags | NLM_F_DUMP, request.body, request.about)
        self._socket.send(flagged.encode(sequence))
        found: list[Message] = []
        whole = True
        while True:
            for answer in messages(self._receive()):
                if answer.sequence != sequence:
                    continue
                whole = whole and not answer.flags & NLM_F_DUMP_INTR
                if answer.kind == NLMSG_DONE:
                    return whole, found
                if answer.kind == NLMSG_ERROR:
                    raise failure(answer, request.about) or OSError(errno.EPROTO, request.about)
                found.append(answer)

    def get(self, request: Request) -> Message:
        """The one answer to a question. Raises OSError."""
        sequence = self.next_sequence()
        self._socket.send(request.encode(sequence))
        while True:
            for answer in messages(self._receive()):
                if answer.sequence != sequence:
                    continue
                if answer.kind == NLMSG_ERROR:
                    raise failure(answer, request.about) or OSError(errno.EPROTO, request.about)
                return answer

    def subscribe(self, groups: Iterable[int]) -> None:
        """Receive the notifications of multicast groups (RTNLGRP_*, NFNLGRP_*)."""
        for group in groups:
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)

    def _receive(self) -> bytes:
        return self._socket.recv(_BUFFER)
