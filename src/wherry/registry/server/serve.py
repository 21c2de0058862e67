"""`wherry registry serve`: runs a registry until it is told to end.

SIGTERM, SIGINT  end; requests in progress get a few seconds
SIGHUP           open the access log anew (log rotation)
SIGUSR1          collect garbage now
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Final

from wherry.errors import WherryError
from wherry.http.server import Server
from wherry.registry.server import config, listening, wiring
from wherry.registry.server.accesslog import AccessLog
from wherry.registry.server.collection import Collector
from wherry.registry.server.config import Config
from wherry.registry.server.metrics import Metrics

GRACE: Final = 5.0
"""Seconds that requests in progress get when the registry ends."""
_log = logging.getLogger("wherry.registry")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a registry; returns the exit status."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    try:
        asyncio.run(_serve(config.read(sys.argv[1:] if argv is None else argv)))
    except (WherryError, OSError) as error:
        sys.stderr.write(f"wherry registry serve: {error}\n")
        return 1
    return 0


async def _serve(chosen: Config) -> None:
    tls = listening.context(chosen.tls)
    log = AccessLog(chosen.access_log)
    ended = _ended_by_signals(log)
    with wiring.open_registry(chosen, log) as (front, collector, metrics):
        server = Server(front)
        await listening.listen(server, chosen.listen, tls)
        _log.info("serving %s on %s", chosen.root or chosen.data_root, ", ".join(chosen.listen))
        async with _collecting(collector, chosen.collection.interval, metrics):
            await ended.wait()
        await server.close(GRACE)


def _ended_by_signals(log: AccessLog) -> asyncio.Event:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    loop.add_signal_handler(signal.SIGHUP, log.reopen)
    return ended


@contextlib.asynccontextmanager
async def _collecting(
    collector: Collector | None, interval: float, metrics: Metrics
) -> AsyncIterator[None]:
    """Collect garbage every so often, and when SIGUSR1 asks for it."""
    if collector is None:
        yield
        return
    wanted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, wanted.set)
    task = asyncio.create_task(_collect(collector, interval, wanted, metrics))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _collect(
    collector: Collector, interval: float, wanted: asyncio.Event, metrics: Metrics
) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wanted.wait(), interval or None)
        wanted.clear()
        try:
            done = await collector.library.in_thread(collector.run)
        except Exception:  # noqa: BLE001 - the next run may do better, the registry serves on
            _log.exception("the collection of garbage failed")
            continue
        metrics.counters["collected_bytes"] += done.bytes
        metrics.counters["collected_manifests"] += done.manifests
        if done:
            _log.info("collected %s", done)
