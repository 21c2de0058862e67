"""How processes end: reaped, recorded on disk, then told.

An exit record is exec-root/containers/<id>/exit, one line of JSON: {"pid", "status" (raw wait
status), "time" (ns since the epoch)}. It appears whole (written aside, renamed) and before anybody
is told. There is none for an exec, whose status is kept in the keeper's table until forgotten.
"""

from __future__ import annotations

import os
import sys
import time

from wherry.kernel.process import wait_pidfd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.runtime.keeper.clients import Clients
    from wherry.runtime.keeper.loop import Loop
    from wherry.runtime.keeper.process import Process
    from wherry.runtime.keeper.streams import Streams

_NAME = "exit"


class Exits:
    """Reaps the keeper's processes."""

    def __init__(self, loop: Loop, clients: Clients, streams: Streams, exec_root: str) -> None:
        self._loop = loop
        self._clients = clients
        self._streams = streams
        self._exec_root = exec_root

    def watch(self, process: Process) -> None:
        """Have `exited` called when the process ends."""
        self._loop.watch(process.pidfd, process)

    def exited(self, process: Process) -> None:
        """Reap, record, read what is left to be read, tell."""
        status = wait_pidfd(process.pidfd, nohang=True)
        if status is None:
            return
        process.status, process.exit_time = status, time.time_ns()
        self._loop.forget(process.pidfd)
        self._close_descriptors(process)
        if not process.container:
            self._record(process, status)
        self._streams.drain(process)
        self._tell(process)

    def remove_record(self, process: Process) -> None:
        """Delete the exit record, and the container's directory if nothing else is in it."""
        if process.container:
            return
        directory = self._directory(process)
        try:
            os.unlink(f"{directory}/{_NAME}")
        except FileNotFoundError:
            pass
        try:
            os.rmdir(directory)
        except OSError:
            pass  # somebody else's files are in it, or there never was one

    def _close_descriptors(self, process: Process) -> None:
        os.close(process.pidfd)
        if process.peer >= 0:
            os.close(process.peer)  # now the master can come to its end
        if process.stdin >= 0:
            os.close(process.stdin)
        process.pidfd = process.peer = process.stdin = -1

    def _record(self, process: Process, status: int) -> None:
        directory = self._directory(process)
        record = b'{"pid": %d, "status": %d, "time": %d}\n' % (
            process.pid,
            status,
            process.exit_time,
        )
        try:
            _write_record(directory, record)
        except OSError as error:  # the table has it still
            sys.stderr.write(f"exit record of {process.id} cannot be written: {error}\n")

    def _tell(self, process: Process) -> None:
        self._clients.broadcast(
            {
                "event": "exit",
                "id": process.id,
                "container": process.container,
                "pid": process.pid,
                "status": process.status,
                "time": process.exit_time,
                "end": process.log.end if process.ended else None,
            }
        )

    def _directory(self, process: Process) -> str:
        return f"{self._exec_root}/containers/{process.id}"


def _write_record(directory: str, record: bytes) -> None:
    aside = f"{directory}/.{_NAME}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        fd = os.open(aside, flags, 0o600)
    except FileNotFoundError:
        os.makedirs(directory, 0o711, exist_ok=True)
        fd = os.open(aside, flags, 0o600)
    try:
        os.write(fd, record)
    finally:
        os.close(fd)
    os.rename(aside, f"{directory}/{_NAME}")
