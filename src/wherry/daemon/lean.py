"""Imports asyncio without ssl, which costs 4 MB that this daemon has no use for.

asyncio does without it where it is missing. Import this before anything that imports asyncio; who
needs ssl afterwards (a registry client) can import it as usual.
"""

from __future__ import annotations

import sys

if "ssl" not in sys.modules and "asyncio" not in sys.modules:
    # None is the import system's way to say: not there (importlib, sys.modules).
    sys.modules["ssl"] = None  # type: ignore[assignment]
    import asyncio  # noqa: F401

    del sys.modules["ssl"]
