"""The audit log: one line of JSON for every request, with who asked, for what, and the answer.

A line is written when the answer begins, so a stream is told of at once. Files are `NAME`, then
`NAME.1` and so on, older ones: five of 10 MB at most.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from typing import Any, Final

from wherry.api.query import Query
from wherry.api.routing import Place, locate
from wherry.api.timestamps import rfc3339_nano
from wherry.errors import Invalid
from wherry.http.message import Answer, Handler, Hijack, Request, Response

LARGEST: Final = 10 * 1024 * 1024
FILES: Final = 5
_LONGEST: Final = 512
"""Characters of a text that comes from a client."""
_NAMES: Final = ("name", "id")
_IN_QUERY: Final = ("name", "fromImage", "container", "names")

_log = logging.getLogger(__name__)


class AuditLog:
    """Appends lines; what cannot be written is told to the daemon's log once."""

    def __init__(self, path: str, largest: int = LARGEST, files: int = FILES) -> None:
        self._path = path
        self._largest = largest
        self._files = files
        self._failed = False

    def write(self, line: Mapping[str, Any]) -> None:
        """Append one line. Never raises: a full disk must not end the service."""
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        try:
            self._append(data)
        except OSError as error:
            if not self._failed:
                _log.error("the audit log cannot be written: %s", error)
            self._failed = True
        else:
            self._failed = False

    def _append(self, data: bytes) -> None:
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, data)
            full = os.fstat(file).st_size >= self._largest
        finally:
            os.close(file)
        if full:
            self._rotate()

    def _rotate(self) -> None:
        names = [self._path, *(f"{self._path}.{n}" for n in range(1, self._files))]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            if os.path.exists(newer):
                os.replace(newer, older)


class Audited:
    """Writes down what a handler is asked and how it answers; `socket` names where."""

    def __init__(self, inner: Handler, socket: str, log: AuditLog) -> None:
        self._inner = inner
        self._socket = socket
        self._log = log

    async def __call__(self, request: Request) -> Answer:
        """Answer as the handler does."""
        answer: Answer | None = None
        try:
            answer = await self._inner(request)
            return answer
        finally:
            self._log.write({**self._asked(request), **_answered(answer)})

    def _asked(self, request: Request) -> dict[str, Any]:
        place = locate(request)
        return {
            "time": rfc3339_nano(time.time_ns()),
            "socket": self._socket,
            **_caller(request),
            "verb": place.verb,
            "object": _object(request, place)[:_LONGEST],
            "request": f"{request.method} {request.path}"[:_LONGEST],
        }


def _caller(request: Request) -> dict[str, Any]:
    peer = request.credentials
    if peer is None:
        return {"peer": request.peer}
    return {"uid": peer.uid, "gid": peer.gid, "pid": peer.pid, "exe": _program(peer.pid)}


def _program(pid: int) -> str:
    """The program of a process as it is now; "" when it is gone, or was never seen from here."""
    try:
        return os.readlink(f"/proc/{pid}/exe") if pid else ""
    except OSError:
        return ""


def _object(request: Request, place: Place) -> str:
    for name in _NAMES:
        if name in place.parts:
            return place.parts[name]
    try:
        query = Query(request.query)
    except Invalid:
        return ""
    return next((query.text(name) for name in _IN_QUERY if query.text(name)), "")


def _answered(answer: Answer | None) -> dict[str, Any]:
    """The status; why where it is an error, the id of what was made. 0: the client went away."""
    if answer is None:
        return {"answer": 0}
    if isinstance(answer, Hijack):
        return {"answer": 101}
    told: dict[str, Any] = {"answer": answer.status}
    if isinstance(answer, Response) and (answer.status >= 400 or answer.status == 201):
        keys, name = (("message",), "why") if answer.status >= 400 else (("Id", "Name"), "made")
        if value := _member(answer.body, keys):
            told[name] = value[:_LONGEST]
    return told


def _member(body: bytes, keys: tuple[str, ...]) -> str:
    """The first of the members that there is, as a text."""
    try:
        value = json.loads(body)
    except ValueError:
        return ""
    return next((str(value[key]) for key in keys if key in value), "") if value else ""
