"""The body of a request, read piece by piece and never gathered by the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from wherry.http.flow import Inbox


class BadBody(Exception):
    """The body breaks HTTP's rules (chunk framing), ended early, or is larger than allowed."""


class Body:
    """An asynchronous iterator over the bytes of a body; one reader.

    `length` is the Content-Length, None for a chunked body, 0 when there is none. The first read
    answers `Expect: 100-continue` through `invite`.
    """

    def __init__(self, inbox: Inbox, length: int | None, invite: Callable[[], None]) -> None:
        self._inbox = inbox
        self._invite = invite
        self.length = length

    @property
    def empty(self) -> bool:
        """Whether the request said that it has no body."""
        return self.length == 0

    @property
    def ended(self) -> bool:
        """Whether the client has sent all of it."""
        return self._inbox.ended

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """Return the next bytes. Raises BadBody."""
        if data := await self._next():
            return bytes(data)
        raise StopAsyncIteration

    async def read(self, limit: int) -> bytes:
        """Return all of it. Raises BadBody if that is more than `limit` bytes."""
        whole = bytearray()
        while data := await self._next():
            whole += data
            if len(whole) > limit:
                raise BadBody(f"request body too large: more than {limit} bytes")
        return bytes(whole)

    async def discard(self, limit: int) -> bool:
        """Drop what nobody read; False if there is more than `limit` bytes, or it is broken."""
        dropped = 0
        try:
            while data := await self._inbox.take():
                dropped += len(data)
                if dropped > limit:
                    return False
        except BadBody:
            return False
        return True

    async def _next(self) -> bytes | bytearray:
        self._invite()
        return await self._inbox.take()
