"""The daemon's end of the keeper's socket: requests, answers, events, on asyncio."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wherry.engine.containers.runtime import KeeperGone, LaunchError
from wherry.runtime import protocol

if TYPE_CHECKING:
    from wherry.runtime.protocol import Message

_EVENTS_A_ROUND = 64  # messages taken before other tasks of the daemon get their turn


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its fields, and the descriptors sent along by role, which are the receiver's."""

    fields: Message
    fds: dict[str, int]


class KeeperClient:
    """One connection to a keeper. Not thread-safe: use it from the event loop's thread.

    `on_event` gets every event that is not for a follower. `lost` completes when the keeper hung
    up; from then on every request raises KeeperGone.
    """

    def __init__(self, path: str, on_event: Callable[[Message], None]) -> None:
        """Connect to the keeper that listens at `path`. Raises OSError when none does."""
        self._loop = asyncio.get_running_loop()
        self._sock = protocol.connect(path)
        self._sock.setblocking(False)
        self._on_event = on_event
        self._numbers = itertools.count(1)
        self._awaited: dict[int, asyncio.Future[Reply]] = {}
        self._followers: dict[int, Callable[[int], None]] = {}
        self._queue: deque[tuple[bytes, list[int]]] = deque()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(self._sock.fileno(), self._readable)

    async def request(self, op: str, fds: Sequence[int] = (), **fields: Any) -> Reply:
        """Ask and wait for the answer; `fds` stay the caller's.

        Raises LaunchError with the keeper's words when it refused, and KeeperGone.
        """
        if self.lost.done():
            raise KeeperGone("the keeper is gone")
        number = next(self._numbers)
        answer: asyncio.Future[Reply] = self._loop.create_future()
        self._awaited[number] = answer
        self._send({"op": op, "seq": number, **fields}, fds)
        return await answer

    def tell(self, op: str, **fields: Any) -> None:
        """Send a request that has no answer; nothing happens when the keeper is gone."""
        if not self.lost.done():
            self._send({"op": op, **fields}, ())

    def new_follower(self, grown: Callable[[int], None]) -> int:
        """A follower's number; `grown` is called with each end that the keeper tells it."""
        number = next(self._numbers)
        self._followers[number] = grown
        return number

    def drop_follower(self, number: int) -> None:
        """Forget a follower's number."""
        self._followers.pop(number, None)

    def close(self) -> None:
        """Hang up; what runs goes on. Idempotent."""
        if self.lost.done():
            return
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        for _, fds in self._queue:
            protocol.close_all(fds)
        self._queue.clear()
        self.lost.set_result(None)
        for answer in self._awaited.values():
            if not answer.done():
                answer.set_exception(KeeperGone("the keeper went away while it was asked"))
        self._awaited.clear()

    def _send(self, message: Message, fds: Sequence[int]) -> None:
        payload = protocol.encode(message)
        if self._queue or not self._try(payload, fds):
            self._queue.append((payload, [os.dup(fd) for fd in fds]))
            self._loop.add_writer(self._sock.fileno(), self._writable)

    def _try(self, payload: bytes, fds: Sequence[int]) -> bool:
        try:
            protocol.send_encoded(self._sock, payload, fds)
        except BlockingIOError:
            return False
        except (BrokenPipeError, ConnectionResetError):
            self._loop.call_soon(self.close)
        return True

    def _writable(self) -> None:
        while self._queue:
            payload, fds = self._queue[0]
            if not self._try(payload, fds):
                return
            self._queue.popleft()
            protocol.close_all(fds)
        self._loop.remove_writer(self._sock.fileno())

    def _readable(self) -> None:
        for _ in range(_EVENTS_A_ROUND):
            if self.lost.done():
                return
            try:
                received = protocol.receive(self._sock)
            except BlockingIOError:
                return
            except (OSError, ValueError, EOFError, TypeError):
                received = None
            if received is None:
                self.close()
                return
            self._take(*received)

    def _take(self, message: Message, fds: list[int]) -> None:
        if "re" in message:
            self._answer(message, fds)
        elif message["event"] == "grown":
            if grown := self._followers.get(message["follower"]):
                grown(message["end"])
        else:
            self._on_event(message)

    def _answer(self, message: Message, fds: list[int]) -> None:
        answer = self._awaited.pop(message["re"], None)
        if answer is None or answer.done():  # whoever asked was cancelled
            protocol.close_all(fds)
        elif error := message.get("error"):
            answer.set_exception(LaunchError(error["step"], error["errno"], error["text"]))
        else:
            answer.set_result(Reply(message, dict(zip(message.get("fds", ()), fds, strict=True))))
