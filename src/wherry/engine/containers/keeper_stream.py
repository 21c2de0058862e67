"""A process's input and output as the daemon sees it: the role `Stream` over the keeper."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from wherry.engine.containers.keeper_client import KeeperClient
from wherry.engine.containers.logs.reader import LogReader
from wherry.engine.containers.runtime import Chunk, KeeperGone
from wherry.engine.containers.stdin import PipeStdin

_REPORT = 1 << 20  # bytes after which the keeper is told how far a follower has come


class Follower:
    """One reader of a stream, and how far the keeper knows it to be."""

    def __init__(self, client: KeeperClient, stream: str, woken: asyncio.Event) -> None:
        self._client = client
        self._stream = stream
        self._seen = -1
        self._told = False  # the keeper has told of growth and waits for an answer
        self.end = 0
        self.woken = woken
        self.number = client.new_follower(self._grown)

    async def begin(self, offset: int | None) -> int:
        """Begin to follow; the offset to read from."""
        reply = await self._client.request(
            "follow", stream=self._stream, follower=self.number, offset=offset
        )
        self.end = max(self.end, reply.fields["end"])
        return self.end if offset is None else offset

    def report(self, position: int, *, caught_up: bool) -> None:
        """Tell the keeper how far we are, when it waits to know or when it is far."""
        if (caught_up and self._told) or position - self._seen >= _REPORT:
            self._seen, self._told = position, False
            self._client.tell("seen", stream=self._stream, follower=self.number, offset=position)

    def stop(self) -> None:
        """Follow no more."""
        self._client.drop_follower(self.number)
        self._client.tell("unfollow", stream=self._stream, follower=self.number)

    def _grown(self, end: int) -> None:
        self.end = max(self.end, end)
        self._told = True
        self.woken.set()


class KeeperStream:
    """See `runtime.Stream`; `finish` and `fail` are for the one who hears the keeper's events."""

    def __init__(self, client: KeeperClient, id: str, *, terminal: bool) -> None:
        self.id = id
        self.terminal = terminal
        self.begin = 0
        self.directory = ""
        self.stdin: PipeStdin | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._client = client
        self._end: int | None = None
        self._reserved: Follower | None = None
        self._woken: set[asyncio.Event] = set()

    def reserve(self) -> int:
        """The number of a follower that the first `follow` will be."""
        self._reserved = self._new_follower()
        return self._reserved.number

    def finish(self, end: int) -> None:
        """The last byte is in the log. Idempotent."""
        self._end = end
        if not self.ended.done():
            self.ended.set_result(None)
        self._wake()

    def fail(self, error: KeeperGone) -> None:
        """The keeper is gone."""
        if not self.ended.done():
            self.ended.set_exception(error)
            self.ended.exception()  # it is no fault of anybody if nobody asks
        self._wake()

    async def follow(self, offset: int | None = None) -> AsyncGenerator[Chunk, None]:
        """See `runtime.Stream.follow`."""
        follower, position = await self._begin_to_follow(offset)
        reader = LogReader(self.directory)
        try:
            while True:
                follower.woken.clear()
                end = self._end if self._end is not None else follower.end
                chunks = reader.read(position, end)
                for chunk in chunks:
                    yield chunk
                    position = chunk.end
                if self._end is not None and (position >= self._end or not chunks):
                    return
                follower.report(position, caught_up=position >= follower.end or not chunks)
                if not chunks:
                    self._check()
                    await follower.woken.wait()
        finally:
            reader.close()
            follower.stop()
            self._woken.discard(follower.woken)

    async def _begin_to_follow(self, offset: int | None) -> tuple[Follower, int]:
        follower, self._reserved = self._reserved, None
        if follower is not None and offset is not None and offset >= self.begin:
            return follower, offset
        if follower is not None:  # it was kept for somebody who reads from the start
            self._drop(follower)
        follower = self._new_follower()
        if self._end is not None:  # the keeper has nothing to add, and may have forgotten it
            return follower, self._end if offset is None else offset
        try:
            return follower, await follower.begin(offset)
        except BaseException:
            self._drop(follower)
            raise

    def _new_follower(self) -> Follower:
        woken = asyncio.Event()
        self._woken.add(woken)
        return Follower(self._client, self.id, woken)

    def _drop(self, follower: Follower) -> None:
        follower.stop()
        self._woken.discard(follower.woken)

    def _check(self) -> None:
        if self.ended.done() and self._end is None:
            self.ended.result()  # raises what `fail` was given

    def _wake(self) -> None:
        for woken in self._woken:
            woken.set()
