"""Starting a keeper: a process of its own session that is nobody's child."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from wherry.engine.containers.runtime import KeeperGone
from wherry.runtime import protocol

_PATIENCE = 10.0  # seconds for a keeper to listen
_LOG_NAME = "keeper.log"

# The first process leaves at once, so that the keeper becomes init's child: the daemon neither has
# to reap it nor takes it along.
_CODE = """
import os, sys
if os.fork():
    os._exit(0)
sys.path.append({source!r})
from wherry.runtime.keeper.main import main
main()
"""


def socket_path(exec_root: str) -> str:
    """Where the keeper of an exec root listens."""
    return f"{exec_root}/{protocol.SOCKET_NAME}"


def start_keeper(exec_root: str, arguments: Sequence[str]) -> None:
    """Start a keeper and wait until it listens; one that is there already is as good.

    `arguments` are those of `wherry.runtime.keeper.main` behind the first two. Blocks for some
    30 ms: call it in a thread. Raises KeeperGone with the keeper's own words when it cannot.
    """
    os.makedirs(exec_root, 0o711, exist_ok=True)
    log = Path(exec_root, _LOG_NAME)
    read, write = os.pipe()
    try:
        _spawn(exec_root, arguments, log, write)
    finally:
        os.close(write)
    try:
        told = os.read(read, 1)  # one byte, or its end when the keeper has left
    finally:
        os.close(read)
    if not told:
        _find_other(exec_root, log)


def _spawn(exec_root: str, arguments: Sequence[str], log: Path, ready: int) -> None:
    source = str(Path(protocol.__file__).parents[2])
    code = _CODE.format(source=source)
    command = [sys.executable, "-IS", "-c", code, exec_root, str(ready), *arguments]
    with log.open("ab") as messages:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=messages,
            stderr=messages,
            pass_fds=[ready],
            start_new_session=True,
            cwd="/",
            env={"PATH": os.defpath},
            check=False,
        )


def _find_other(exec_root: str, log: Path) -> None:
    """A keeper leaves when it finds another: that one listens, or soon will."""
    deadline = time.monotonic() + _PATIENCE
    lock = Path(exec_root, protocol.PID_NAME)
    while lock.exists() and time.monotonic() < deadline:
        try:
            protocol.connect(socket_path(exec_root)).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    words = log.read_text(errors="replace").strip().splitlines()
    raise KeeperGone(f"the keeper cannot be started: {words[-1] if words else 'it says nothing'}")
