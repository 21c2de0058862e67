"""The access log: a line a request, and the count of what was done."""

from __future__ import annotations

import os
import sys
import time
from typing import IO

from wherry.http.message import Request
from wherry.registry.server.access import Identity


class AccessLog:
    """Lines in a file that may be moved away: `reopen` (SIGHUP) begins a new one."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self.reopen()

    def reopen(self) -> None:
        """Open the file anew. Raises OSError."""
        if self._path == "-":
            self._file = sys.stdout
        elif self._path:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
            before, self._file = self._file, os.fdopen(descriptor, "a", encoding="utf-8")
            if before is not None:
                before.close()

    def write(self, line: str) -> None:
        """Add a line; a full disk must not stop the registry."""
        if self._file is None:
            return
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError:
            return


def line(request: Request, status: int, identity: Identity, seconds: float) -> str:
    """What, by whom, with which result, how long until the answer began.

    Control characters of a request cannot forge a line.
    """
    target = f"{request.path}?{request.query}" if request.query else request.path
    moment = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    text = (
        f"{moment} {request.peer or '-'} {identity.user or '-'} {request.method} {target} "
        f"{status} {seconds * 1000:.1f}ms {request.headers.get('user-agent', '-')!r}"
    )
    return "".join(each if each.isprintable() else "?" for each in text)
