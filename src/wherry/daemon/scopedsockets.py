"""The scoped sockets of a daemon: the role `SocketBackend`, and their listening, end and return.

Each has a server of its own, so that which rights a connection has is decided by where it arrived.
The table says what there is; files are made anew when a daemon starts, and go with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.engine.scopes.store import ScopeTable
from wherry.errors import Conflict, NotFound, Unavailable, WherryError
from wherry.http.server import Server

if TYPE_CHECKING:
    from wherry.api.access.audit import AuditLog
    from wherry.api.backend import Backends
    from wherry.engine.scopes.values import Scope, SocketRequest
    from wherry.storage.database import Database

_LONGEST_NAP: Final = 600.0
"""Seconds until the clock is looked at again: a machine that slept expires its sockets soon."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Entry:
    scope: Scope
    server: Server
    timer: asyncio.TimerHandle | None = None


class ScopedSockets:
    """All of them. `engine` must be set before `restore`."""

    def __init__(self, database: Database, directory: str, audit: str, product: str) -> None:
        """`directory` is where sockets are made, `audit` the path of the log."""
        self._table = ScopeTable(database)
        self._directory = directory
        self._audit_path = audit
        self._audit: AuditLog | None = None
        self._product = product
        self._entries: dict[str, _Entry] = {}
        self._changing = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()
        self.engine: Backends | None = None

    async def restore(self) -> None:
        """Listen again on those of the table; what has expired goes, what fails is told."""
        there = {"", *(scope.name for scope in self._table.load() if not _expired(scope))}
        for scope in self._table.load():
            if _expired(scope) or scope.parent not in there:
                self._forget(scope)
                there.discard(scope.name)
                continue
            try:
                await self._listen(scope)
            except WherryError as error:
                _log.error("the socket %s was not opened again: %s", scope.name, error)

    async def close(self) -> None:
        """End every connection; the sockets come back with the next daemon."""
        for task in list(self._ending):
            await task
        async with self._changing:
            for entry in self._entries.values():
                await _end(entry)
            self._entries.clear()

    # -- the role

    async def create(self, request: SocketRequest) -> Scope:
        """Make one and listen there."""
        from wherry.api.access.words import verbs_of
        from wherry.engine.scopes.request import scope_of

        verbs = verbs_of(request.allow or ())
        scope = await asyncio.to_thread(scope_of, request, verbs, self._directory)
        async with self._changing:
            names = {each.name for each in self._table.load()}
            if scope.parent and scope.parent not in names:
                raise NotFound(f"no such socket: {scope.parent}")
            if scope.name in names:
                raise Conflict(
                    f"a socket named {scope.name} exists already", hint="remove it first"
                )
            await self._listen(scope)
            try:
                self._table.add(scope)
            except BaseException:
                await self._close(scope)
                raise
        _log.info("made the socket %s at %s for %s", scope.name, scope.path, ", ".join(scope.allow))
        return scope

    async def list(self) -> Sequence[Scope]:
        """Return those there are, by name."""
        return [scope for scope in self._table.load() if not _expired(scope)]

    async def get(self, name: str) -> Scope:
        """Return one."""
        for scope in self._table.load():
            if scope.name == name and not _expired(scope):
                return scope
        raise NotFound(f"no such socket: {name}")

    async def remove(self, name: str) -> None:
        """End every connection through it, and remove it."""
        async with self._changing:
            await self._remove(await self.get(name))
        _log.info("removed the socket %s", name)

    async def _remove(self, scope: Scope) -> None:
        """With all that were made through it."""
        for child in [each for each in self._table.load() if each.parent == scope.name]:
            await self._remove(child)
        self._table.delete(scope.name)
        await self._close(scope)

    # -- listening

    async def _listen(self, scope: Scope) -> None:
        entry = _Entry(scope, self._server(scope))
        if self._is_ours(scope):
            os.makedirs(self._directory, mode=0o711, exist_ok=True)
            os.makedirs(os.path.dirname(scope.path), mode=0o711, exist_ok=True)
        mode = 0o660 if scope.gid >= 0 else 0o600
        try:
            await entry.server.listen_unix(
                scope.path, mode=mode, owner=scope.uid, group=max(scope.gid, 0)
            )
        except OSError as error:
            self._remove_directory(scope)
            raise Unavailable(
                f"cannot listen on {scope.path}: {error.strerror or error}",
                hint="is there something else?",
            ) from error
        self._entries[scope.name] = entry
        self._set_timer(entry)

    def _server(self, scope: Scope) -> Server:
        # Imported here: a daemon without scoped sockets does without them.
        from wherry.api.access.audit import Audited, AuditLog
        from wherry.api.scoped.api import scoped_api

        if self.engine is None:
            raise RuntimeError("the engine is not there yet")
        self._audit = self._audit or AuditLog(self._audit_path)
        return Server(
            Audited(scoped_api(scope, self.engine, self._product), scope.name, self._audit)
        )

    def _is_ours(self, scope: Scope) -> bool:
        return scope.path.startswith(f"{self._directory}/")

    # -- ending

    def _set_timer(self, entry: _Entry) -> None:
        if entry.scope.expires:
            left = (entry.scope.expires - time.time_ns()) / 1e9
            nap = min(max(left, 0.0), _LONGEST_NAP)
            entry.timer = asyncio.get_running_loop().call_later(nap, self._look_at, entry)

    def _look_at(self, entry: _Entry) -> None:
        if not _expired(entry.scope):
            self._set_timer(entry)
            return
        task = asyncio.get_running_loop().create_task(self._expire(entry))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _expire(self, entry: _Entry) -> None:
        async with self._changing:
            if self._entries.get(entry.scope.name) is entry:
                await self._remove(entry.scope)
                _log.info("the socket %s has expired", entry.scope.name)

    async def _close(self, scope: Scope) -> None:
        entry = self._entries.pop(scope.name, None)
        if entry is not None:
            await _end(entry)
        self._remove_directory(scope)

    def _forget(self, scope: Scope) -> None:
        self._table.delete(scope.name)
        if self._is_ours(scope):
            with contextlib.suppress(OSError):
                os.unlink(scope.path)  # left by a daemon that was killed
        self._remove_directory(scope)

    def _remove_directory(self, scope: Scope) -> None:
        if self._is_ours(scope):
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(scope.path))


def _expired(scope: Scope) -> bool:
    return bool(scope.expires) and time.time_ns() >= scope.expires


async def _end(entry: _Entry) -> None:
    if entry.timer is not None:
        entry.timer.cancel()
    await entry.server.close(0.0)
