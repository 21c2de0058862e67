"""The launcher: a warm fork server that makes containers for the keeper.

Small (standard library only, a dozen modules) because every child begins as a copy of it; single-
threaded because setns(2) and CLONE_NEWUSER demand it; replaceable because it keeps no state: its
children are the keeper's (CLONE_PARENT).

Started as `python -IS -c "...; from wherry.runtime.launcher import main; main()" STAGE KEPT...`
with the keeper's packet socket as descriptor 3. STAGE is an empty directory, made if missing, on
which each root is mounted for a moment in the launcher's own mount namespace; KEPT are paths whose
mounts it must see: the data root. Any path in a plan must lie there, or on the root, /proc, /sys
or the cgroups; everything else comes as a descriptor.
"""

from __future__ import annotations

import _socket
import gc
import os
import sys

from wherry.kernel import process
from wherry.kernel.fd import close_all
from wherry.runtime import protocol
from wherry.runtime.failure import Failure
from wherry.runtime.join import join
from wherry.runtime.launch import launch
from wherry.runtime.mount_trim import trim
from wherry.runtime.own_executable import execute_read_only
from wherry.runtime.start import Child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SOCKET = 3
_MAKERS = {"launch": launch, "join": join}


def main() -> None:
    """Serve until the keeper closes its end."""
    stage, *kept = sys.argv[1:]
    execute_read_only()
    process.reset_signals()
    process.set_dumpable(False)
    os.makedirs(stage, mode=0o700, exist_ok=True)
    trim([stage, *kept])
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, SOCKET)
    os.set_inheritable(SOCKET, False)
    _settle_memory()
    while serve_one(socket, stage):
        pass


def serve_one(socket: _socket.socket, stage: str) -> bool:
    """Answer one request; False when the keeper is gone."""
    try:
        received = protocol.receive(socket)
    except (OSError, ValueError, EOFError, TypeError) as error:
        sys.stderr.write(f"wherry launcher: {error}\n")
        return False
    if received is None:
        return False
    message, fds = received
    try:
        reply, given = _answer(message, fds, stage)
        return _send(socket, {**reply, "re": message.get("seq")}, given)
    finally:
        close_all(fds)


def _send(socket: _socket.socket, reply: dict[str, Any], given: list[int]) -> bool:
    """Answer; a keeper that went meanwhile is no fault of ours: its children are init's now."""
    try:
        protocol.send(socket, reply, given)
    except (BrokenPipeError, ConnectionResetError):
        return False
    finally:
        close_all(given)
    return True


def _answer(
    message: dict[str, Any], fds: list[int], stage: str
) -> tuple[dict[str, Any], list[int]]:
    stdin, stdout, stderr = (_at(fds, index) for index in message["stdio"])
    child = Child(_at(fds, message["status"]), (stdin, stdout, stderr), fds)
    child.stage = stage
    try:
        made = _MAKERS[message["op"]](message["plan"], child, process.CLONE_PARENT)
    except Failure as failure:
        error = protocol.failure(failure.step or message["op"], failure.errno, failure.text)
        return {"error": error}, []
    return {"pid": made.pid}, [made.pidfd, *([made.root] if made.root >= 0 else [])]


def _at(fds: list[int], index: int) -> int:
    return fds[index] if index >= 0 else -1


def _settle_memory() -> None:
    """What lives now lives for good: no collection may touch, and so copy, shared pages."""
    gc.collect()
    gc.disable()
    gc.freeze()
