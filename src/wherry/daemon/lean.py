"""Keeps the daemon small. Import this first, before anything that imports asyncio.

Two things: asyncio comes without ssl, which costs 4 MB that most daemons have no use for (asyncio
does without it where it is missing; who needs ssl afterwards can import it as usual), and the C
library keeps one heap and gives memory back: `python -m benchmarks --only memory`, 57.3 to 54.8 MB.
"""

from __future__ import annotations

import ctypes
import sys

# Parameters of mallopt(3), from glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _ARENA_MAX = -1, -2, -8


def _keep_one_heap() -> None:
    """Threads here mostly wait for the interpreter lock, so heaps of their own gain nothing."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_TRIM_THRESHOLD, 64 << 10)
        mallopt(_TOP_PAD, 16 << 10)


def _import_asyncio_without_ssl() -> None:
    # None is the import system's way to say: not there (importlib, sys.modules).
    sys.modules["ssl"] = None  # type: ignore[assignment]
    import asyncio  # noqa: F401

    del sys.modules["ssl"]


_keep_one_heap()
if "ssl" not in sys.modules and "asyncio" not in sys.modules:
    _import_asyncio_without_ssl()
