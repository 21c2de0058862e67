"""Keeps the daemon small. Import this first, before anything that imports asyncio.

Two things: asyncio comes without ssl, which costs 4 MB that most daemons have no use for (asyncio
does without it where it is missing; who needs ssl afterwards can import it as usual), and the C
library keeps one heap (`python -m benchmarks --only memory`: 57.8 to 56.1 MB). Its thresholds stay
as they are: a fixed one makes every large buffer a mapping of its own, and loading an image then
takes twice the CPU.
"""

from __future__ import annotations

import ctypes
import sys

_ARENA_MAX = -8
"""A parameter of mallopt(3), from glibc's malloc.h."""


def _keep_one_heap() -> None:
    """Threads here mostly wait for the interpreter lock, so heaps of their own gain nothing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)


def _import_asyncio_without_ssl() -> None:
    # None is the import system's way to say: not there (importlib, sys.modules).
    sys.modules["ssl"] = None  # type: ignore[assignment]
    import asyncio  # noqa: F401

    del sys.modules["ssl"]


_keep_one_heap()
if "ssl" not in sys.modules and "asyncio" not in sys.modules:
    _import_asyncio_without_ssl()
