"""`wherry registry serve`: wires a registry together and runs it until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Sequence
from typing import Final

from wherry.errors import WherryError
from wherry.http.server import Server
from wherry.registry.server import config, front, listening
from wherry.registry.server.access import Open, Rights
from wherry.registry.server.accesslog import AccessLog
from wherry.registry.server.app import Registry
from wherry.registry.server.config import Config
from wherry.registry.server.front import Front
from wherry.registry.server.library import Library
from wherry.registry.server.metrics import Metrics
from wherry.registry.server.pushing import Pushing
from wherry.registry.server.quota import Quotas
from wherry.registry.server.uploading import Uploading

GRACE: Final = 5.0
"""Seconds that requests in progress get when the registry ends."""
_log = logging.getLogger("wherry.registry")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a registry until SIGTERM or SIGINT; returns the exit status."""
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
    with contextlib.closing(Library(chosen.root, sparse=chosen.sparse)) as library:
        server = Server(_front(chosen, library, log))
        await listening.listen(server, chosen.listen, tls)
        _log.info("serving %s on %s", chosen.root, ", ".join(chosen.listen))
        await ended.wait()
        await server.close(GRACE)


def _front(chosen: Config, library: Library, log: AccessLog) -> Front:
    guard = Open(chosen.rights or Rights())
    quotas = Quotas(chosen.quota, library.reading)
    pushing = None if chosen.read_only else Pushing(library, quotas)
    uploading = None if chosen.read_only else Uploading(library, quotas)
    metrics = Metrics(library.reading.counts)
    pages = {"/health": front.health, "/metrics": metrics.page}
    return Front(Registry(library, guard, pushing, uploading), log, metrics, pages)


def _ended_by_signals(log: AccessLog) -> asyncio.Event:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    loop.add_signal_handler(signal.SIGHUP, log.reopen)
    return ended
