"""The API of one scoped socket: Docker's endpoints over a narrowed engine, behind a guard."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.api.app import Api
from wherry.api.backend import Backends
from wherry.api.scoped.containers import ScopedContainers, ScopedExecs
from wherry.api.scoped.creation import Creation
from wherry.api.scoped.images import ScopedImages
from wherry.api.scoped.networks import ScopedNetworks
from wherry.api.scoped.sight import Sight
from wherry.api.scoped.sockets import ScopedSockets
from wherry.api.scoped.system import ScopedEvents, ScopedSystem
from wherry.api.scoped.volumes import ScopedVolumes
from wherry.errors import Denied

if TYPE_CHECKING:
    from wherry.engine.scopes.values import Scope
    from wherry.http.message import Request


def scoped_api(scope: Scope, engine: Backends, product: str) -> Api:
    """The handler of a scope's socket."""
    return Api(narrowed(scope, engine), product, ScopeGuard(scope))


def narrowed(scope: Scope, engine: Backends) -> Backends:
    """The engine as the scope sees it."""
    sight = Sight(scope, engine)
    creation = Creation(sight)
    return Backends(
        containers=ScopedContainers(sight, creation),
        execs=ScopedExecs(sight, creation),
        images=ScopedImages(sight),
        registries=engine.registries,
        volumes=ScopedVolumes(sight),
        networks=ScopedNetworks(sight, creation),
        system=ScopedSystem(sight),
        events=ScopedEvents(sight),
        daemon=NoDaemon(),
        sockets=ScopedSockets(scope, engine.sockets),
    )


@dataclass(frozen=True, slots=True)
class ScopeGuard:
    """Lets pass what the scope's verbs say, until it expires."""

    scope: Scope

    def check(self, request: Request, verb: str) -> None:
        """See `wherry.api.access.guard.Guard`."""
        if self.scope.expires and time.time_ns() >= self.scope.expires:
            raise Denied(f"the socket {self.scope.name} has expired")
        if verb not in self.scope.verbs:
            raise Denied(
                f"{request.method} {request.path} is not allowed through the socket "
                f"{self.scope.name}: it is {verb}",
                hint=f"the socket allows {', '.join(self.scope.allow)}",
            )


class NoDaemon:
    """The role of the daemon: no verb for it is ever given."""

    async def shutdown(self, timeout: int | None) -> None:
        """Refuse."""
        raise Denied("the daemon itself cannot be reached through a scoped socket")
