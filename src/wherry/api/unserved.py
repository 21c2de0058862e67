"""Endpoints of Docker's API that Wherry does not serve yet: told so, with 501, as a table.

Source: Docker Engine API v1.51, `paths`; a test compares.
"""

from __future__ import annotations

from typing import Final

from wherry.api.call import Call
from wherry.api.router import Route
from wherry.errors import Unsupported
from wherry.http.message import Answer

_ENDPOINTS: Final = """
    POST          /build
    POST          /build/prune
    POST          /build/cancel
    PUT           /volumes/{name:.*}
    GET           /plugins
    GET           /plugins/privileges
    POST          /plugins/pull
    POST          /plugins/create
    GET           /plugins/{name:.*}/json
    DELETE        /plugins/{name:.*}
    POST          /plugins/{name:.*}/enable
    POST          /plugins/{name:.*}/disable
    POST          /plugins/{name:.*}/upgrade
    POST          /plugins/{name:.*}/push
    POST          /plugins/{name:.*}/set
    GET           /nodes
    GET,DELETE    /nodes/{id}
    POST          /nodes/{id}/update
    GET           /swarm
    POST          /swarm/init
    POST          /swarm/join
    POST          /swarm/leave
    POST          /swarm/update
    GET           /swarm/unlockkey
    POST          /swarm/unlock
    GET           /services
    POST          /services/create
    GET,DELETE    /services/{id}
    POST          /services/{id}/update
    GET           /services/{id}/logs
    GET           /tasks
    GET           /tasks/{id}
    GET           /tasks/{id}/logs
    GET           /secrets
    POST          /secrets/create
    GET,DELETE    /secrets/{id}
    POST          /secrets/{id}/update
    GET           /configs
    POST          /configs/create
    GET,DELETE    /configs/{id}
    POST          /configs/{id}/update
    POST          /session
    POST          /grpc
"""


async def refuse(call: Call) -> Answer:
    """Say that the endpoint exists in Docker's API and not here."""
    raise Unsupported(f"{call.request.method} {call.request.path} is not supported yet")


def _routes() -> tuple[Route, ...]:
    rows = (line.split() for line in _ENDPOINTS.strip().splitlines())
    return tuple(
        Route(method, pattern, refuse) for methods, pattern in rows for method in methods.split(",")
    )


ROUTES: Final = _routes()
