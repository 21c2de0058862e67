"""What each endpoint does to the engine: one verb per route, for whoever may do only a part.

A verb is `kind:action`. Everything that decides about access decides by these words and by nothing
else, so a route without a row cannot be reached by anybody who is not allowed everything; a test
holds that every route has one.
"""

from __future__ import annotations

from typing import Final

from wherry.api import unserved

_ROUTES: Final = """
    ping                 GET,HEAD       /_ping
    ping                 GET            /version
    info                 GET            /info
    events               GET            /events
    df                   GET            /system/df
    container:create     POST           /containers/create
    container:list       GET            /containers/json
    container:remove     POST           /containers/prune
    container:remove     DELETE         /containers/{name}
    container:inspect    GET            /containers/{name}/json
    container:inspect    GET            /containers/{name}/top
    container:inspect    GET            /containers/{name}/stats
    container:inspect    GET            /containers/{name}/changes
    container:logs       GET            /containers/{name}/logs
    container:start      POST           /containers/{name}/start
    container:stop       POST           /containers/{name}/stop
    container:stop       POST           /containers/{name}/kill
    container:stop       POST           /containers/{name}/pause
    container:stop       POST           /containers/{name}/unpause
    container:restart    POST           /containers/{name}/restart
    container:wait       POST           /containers/{name}/wait
    container:rename     POST           /containers/{name}/rename
    container:update     POST           /containers/{name}/update
    container:attach     POST           /containers/{name}/attach
    container:attach     GET            /containers/{name}/attach/ws
    container:attach     POST           /containers/{name}/resize
    container:exec       POST           /containers/{name}/exec
    container:exec       POST           /exec/{id}/start
    container:exec       POST           /exec/{id}/resize
    container:exec       GET            /exec/{id}/json
    container:copy-out   GET,HEAD       /containers/{name}/archive
    container:copy-out   GET            /containers/{name}/export
    container:copy-in    PUT            /containers/{name}/archive
    container:commit     POST           /commit
    container:publish    POST           /containers/{name}/ports/add
    container:publish    POST           /containers/{name}/ports/remove
    image:list           GET            /images/json
    image:list           GET            /images/{name:.*}/json
    image:list           GET            /images/{name:.*}/history
    image:save           GET            /images/get
    image:save           GET            /images/{name:.*}/get
    image:load           POST           /images/load
    image:pull           POST           /images/create
    image:push           POST           /images/{name:.*}/push
    image:tag            POST           /images/{name:.*}/tag
    image:remove         DELETE         /images/{name:.*}
    image:remove         POST           /images/prune
    volume:list          GET            /volumes
    volume:list          GET            /volumes/{name:.*}
    volume:create        POST           /volumes/create
    volume:create        POST           /volumes/{name}/clone
    volume:rename        POST           /volumes/{name}/rename
    volume:copy-out      GET            /volumes/{name}/export
    volume:copy-in       POST           /volumes/{name}/import
    volume:remove        DELETE         /volumes/{name:.*}
    volume:remove        POST           /volumes/prune
    network:list         GET            /networks
    network:list         GET            /networks/{id:.*}
    network:create       POST           /networks/create
    network:connect      POST           /networks/{id:.*}/connect
    network:connect      POST           /networks/{id:.*}/disconnect
    network:remove       DELETE         /networks/{id:.*}
    network:remove       POST           /networks/prune
    registry             POST           /auth
    registry             GET            /images/search
    registry             GET            /distribution/{name:.*}/json
    socket:list          GET            /wherry/sockets
    socket:list          GET            /wherry/sockets/{name}
    socket:create        POST           /wherry/sockets/create
    socket:remove        DELETE         /wherry/sockets/{name}
    engine:shutdown      POST           /wherry/system/shutdown
"""

PING: Final = "ping"
"""What everybody may who may anything: clients ask for versions before all else."""
UNSERVED: Final = "unserved"
"""Endpoints of Docker's that answer 501."""
UNKNOWN: Final = "unknown"
"""What no row of the table is about."""

READING: Final = frozenset(
    (
        PING, UNSERVED, "info", "events", "df", "registry",
        "container:list", "container:inspect", "container:logs", "container:wait",
        "container:copy-out",
        "image:list", "image:save",
        "volume:list", "volume:copy-out",
        "network:list",
        "socket:list",
    )
)  # fmt: skip
"""Verbs that change nothing here. They do tell secrets: environments, logs, files."""


def _verbs() -> dict[tuple[str, str], str]:
    rows = (line.split() for line in _ROUTES.strip().splitlines())
    table = {
        (method, pattern): verb for verb, methods, pattern in rows for method in methods.split(",")
    }
    return table | {(route.method, route.pattern): UNSERVED for route in unserved.ROUTES}


VERBS: Final = _verbs()
"""The verb of each route, by its method and pattern."""


def of_kind(kind: str) -> frozenset[str]:
    """Every verb of one kind of object ("container"); empty for a word that is no kind."""
    return frozenset(verb for verb in VERBS.values() if verb.startswith(f"{kind}:"))
