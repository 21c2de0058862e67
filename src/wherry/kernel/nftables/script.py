"""Tables, chains and rules: one transaction through the program `nft` (nft(8))."""

from __future__ import annotations

import subprocess
from typing import Final

_SECONDS: Final = 30.0


class NftFailed(Exception):
    """`nft` refused a script or is not there; the text says why."""


def run(script: str) -> None:
    """Carry out a script, all of it or nothing. Blocks for 3 to 30 ms. Raises NftFailed.

    In the caller's network namespace: a child has that of the thread that makes it.
    """
    try:
        done = subprocess.run(
            ["nft", "-f", "-"],
            input=script,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise NftFailed("the program nft is not installed") from None
    except subprocess.TimeoutExpired:
        raise NftFailed(f"nft did not end within {_SECONDS:.0f} seconds") from None
    if done.returncode:
        raise NftFailed(done.stderr.strip() or f"nft ended with status {done.returncode}")


def listing() -> str:
    """Everything that nftables holds, as JSON, "" where that cannot be had."""
    try:
        done = subprocess.run(
            ["nft", "-j", "list", "ruleset"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
