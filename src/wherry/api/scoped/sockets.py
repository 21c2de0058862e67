"""Sockets through a scoped socket: its holder may give a part of the part away, and never more.

What is made is below the scope that made it: its name begins with that one's, it ends with it, and
nobody but its maker and the engine's own socket sees it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wherry.api.access.verbs import of_kind
from wherry.api.access.words import verbs_of
from wherry.errors import Conflict, Denied, Invalid, NotFound

if TYPE_CHECKING:
    from wherry.api.backend import SocketBackend
    from wherry.engine.scopes.values import Scope, SocketRequest

MOST: Final = 32
"""Sockets that may be made through one."""
_CHANGING_IMAGES: Final = frozenset(("image:tag", "image:push", "image:remove"))


@dataclass(frozen=True, slots=True)
class ScopedSockets:
    """See `wherry.api.backend.SocketBackend` for what each method promises."""

    scope: Scope
    inner: SocketBackend

    async def create(self, request: SocketRequest) -> Scope:
        """Make one with a part of the rights. Raises Denied for more."""
        self._check(request)
        scope = self.scope
        if len(await self.list()) >= MOST:
            raise Conflict(f"{MOST} sockets were made through {scope.name}", hint="remove some")
        fitted = replace(
            request,
            name=f"{scope.name}.{request.name}",
            labels={**(request.labels or {}), **scope.labels},
            images=request.images or scope.images,
            owner=f"{scope.uid}:{scope.gid}" if scope.gid >= 0 else str(scope.uid),
            parent=scope.name,
            until=scope.expires,
        )
        if scope.expires and time.time_ns() >= scope.expires:
            raise Denied(f"the socket {scope.name} has expired")
        return await self.inner.create(fitted)

    def _check(self, request: SocketRequest) -> None:
        scope = self.scope
        if not request.name:
            raise Invalid("no name is given for the socket")
        verbs = set(verbs_of(request.allow or ()))
        more = sorted(verbs - set(scope.verbs) | verbs & of_kind("socket"))
        if more:
            raise Denied(f"the socket {scope.name} cannot give {', '.join(more)} away")
        if request.labels and not scope.labels and verbs & _CHANGING_IMAGES:
            # What carries a label may be changed through a socket with that label.
            raise Denied(f"the socket {scope.name} has no label, so no image of a label to change")
        for key, value in (request.labels or {}).items():
            if scope.labels.get(key, value) != value:
                raise Denied(f'label "{key}" is "{scope.labels[key]}" for the socket {scope.name}')
        if request.bind_root not in ("", scope.bind_root):
            raise Denied(f"the bind root can be {scope.bind_root or 'none'}, or left away")
        if not set(request.images or ()) <= set(scope.images):
            raise Denied(f"images can be of {', '.join(scope.images) or 'no pattern'}")
        if request.path or request.owner:
            raise Denied("path and owner cannot be chosen through a scoped socket")

    async def list(self) -> Sequence[Scope]:
        """Return those that were made through it."""
        return [each for each in await self.inner.list() if self._is_own(each)]

    async def get(self, name: str) -> Scope:
        """Return one of them."""
        try:
            found = await self.inner.get(name)
        except NotFound:
            found = None
        if found is None or not self._is_own(found):
            raise NotFound(f"no such socket: {name}")
        return found

    async def remove(self, name: str) -> None:
        """Remove one of them."""
        await self.inner.remove((await self.get(name)).name)

    def _is_own(self, other: Scope) -> bool:
        return other.parent == self.scope.name
