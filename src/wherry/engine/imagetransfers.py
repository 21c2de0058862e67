"""Pulls and pushes under way: their threads, what they share, and how they are told to stop.

Imported with the first of them, since a daemon that fetches nothing needs no registry client.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from wherry.engine.pulling.layers import LayerWorks
from wherry.engine.pulling.pull import Puller
from wherry.engine.pushing.push import Pusher
from wherry.errors import NotFound, Unavailable
from wherry.registry.cancellation import Cancellation, Cancelled
from wherry.registry.fetch import Downloads
from wherry.registry.signature_check import SignatureCheck
from wherry.spec import platform, reference

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from wherry.engine.events import EventLog
    from wherry.engine.values.images import Progress, PullRequest, PushRequest
    from wherry.image.store import ImageStore
    from wherry.registry.config import RegistryConfig
    from wherry.storage.stores import Stores

    Report = Callable[[Progress], None]
    Work = Callable[[Report, Cancellation], object]

_AT_ONCE: Final = 16
"""Pulls and pushes that run side by side; more wait. Their blobs have limits of their own."""


class Transfers:
    """The pulls and pushes of one engine."""

    def __init__(
        self, stores: Stores, images: ImageStore, config: RegistryConfig, events: EventLog
    ) -> None:
        self._images = images
        self._events = events
        limit = config.max_concurrent_downloads
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="transfer")
        self._downloads = Downloads(stores.content, limit)
        self._active: set[Cancellation] = set()
        host = platform.of_machine(os.uname().machine)
        works = LayerWorks(images.layers, self._downloads, limit)
        check = SignatureCheck(config.signature_policy)
        self._puller = Puller(images, stores.collector, works, config, check, host)
        self._pusher = Pusher(images, stores.collector, config)

    def clear_unfinished(self) -> int:
        """Remove what broken-off downloads left; see `Downloads.clear_unfinished`. Blocking."""
        return self._downloads.clear_unfinished()

    async def pull(self, request: PullRequest) -> AsyncIterator[Progress]:
        """Fetch an image and yield how it goes; see `Puller.pull` for what it raises."""

        def work(report: Report, cancellation: Cancellation) -> None:
            brought = self._puller.pull(request, report, cancellation)
            tell(self._publish, "pull", brought[0].image if brought else "", request.reference)

        tell = asyncio.get_running_loop().call_soon_threadsafe
        async for item in self._news(work):
            yield item

    async def push(self, request: PushRequest) -> AsyncIterator[Progress]:
        """Send an image and yield how it goes; see `Pusher.push` for what it raises."""

        def work(report: Report, cancellation: Cancellation) -> None:
            for sent in self._pusher.push(request, report, cancellation):
                tell(self._publish, "push", sent.image, str(sent.name))

        tell = asyncio.get_running_loop().call_soon_threadsafe
        async for item in self._news(work):
            yield item

    def _publish(self, action: str, image: str, ref: str) -> None:
        """Tell the world, under the name that was pulled or pushed, as dockerd does."""
        name = reference.parse(ref)
        try:
            labels = self._images.get(image).config.labels
        except NotFound:
            labels = {}
        shown = {str(key): str(value) for key, value in labels.items()}
        tagged = name if name.digest or name.tag else name.tagged()
        self._events.publish(
            "image", action, tagged.familiar, {**shown, "name": name.familiar_name}
        )

    async def _news(self, work: Work) -> AsyncIterator[Progress]:
        """Run it in a thread and yield what it reports; its error is raised at the end.

        Closing the iterator cancels the work: its client has gone away. Raises also Unavailable.
        """
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Progress | None] = asyncio.Queue()
        cancellation = Cancellation()
        self._active.add(cancellation)

        def tell(item: Progress | None) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, item)

        def ended(_: Future[object]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._active.discard, cancellation)
                tell(None)

        done = self._threads.submit(work, tell, cancellation)
        done.add_done_callback(ended)
        try:
            while (item := await queue.get()) is not None:
                yield item
        finally:
            cancellation.cancel()
        try:
            done.result()
        except Cancelled:
            raise Unavailable("the transfer was ended since the engine closes") from None

    def close(self) -> None:
        """Stop everything that is under way; what was fetched is kept for the next time."""
        for cancellation in [*self._active]:
            cancellation.cancel()
        self._downloads.close()
        self._threads.shutdown()
