"""Docker's endpoints as a table: method, path, function, since which version of the API."""

from __future__ import annotations

from typing import Final

from wherry.api import attach, containers, events, execs, images, system, unserved
from wherry.api.router import Route

ROUTES: Final = (
    Route("GET", "/_ping", system.ping),
    Route("HEAD", "/_ping", system.ping),
    Route("GET", "/version", system.version),
    Route("GET", "/info", system.info),
    Route("GET", "/events", events.events),
    Route("GET", "/system/df", system.disk_usage, since=(1, 25)),
    Route("POST", "/containers/create", containers.create),
    Route("GET", "/containers/json", containers.list_all),
    Route("POST", "/containers/prune", containers.prune, since=(1, 25)),
    Route("GET", "/containers/{name}/json", containers.inspect),
    Route("POST", "/containers/{name}/start", containers.start),
    Route("POST", "/containers/{name}/stop", containers.stop),
    Route("POST", "/containers/{name}/restart", containers.restart),
    Route("POST", "/containers/{name}/kill", containers.kill),
    Route("POST", "/containers/{name}/pause", containers.pause),
    Route("POST", "/containers/{name}/unpause", containers.unpause),
    Route("POST", "/containers/{name}/wait", containers.wait),
    Route("POST", "/containers/{name}/rename", containers.rename),
    Route("POST", "/containers/{name}/resize", containers.resize),
    Route("POST", "/containers/{name}/update", containers.update),
    Route("GET", "/containers/{name}/top", containers.top),
    Route("GET", "/containers/{name}/logs", attach.logs),
    Route("GET", "/containers/{name}/stats", containers.stats),
    Route("GET", "/containers/{name}/changes", containers.changes),
    Route("GET", "/containers/{name}/export", containers.export),
    Route("POST", "/containers/{name}/attach", attach.attach),
    Route("GET", "/containers/{name}/attach/ws", attach.attach_websocket),
    Route("POST", "/containers/{name}/exec", execs.create),
    Route("DELETE", "/containers/{name}", containers.remove),
    Route("POST", "/exec/{id}/start", execs.start),
    Route("POST", "/exec/{id}/resize", execs.resize),
    Route("GET", "/exec/{id}/json", execs.inspect),
    Route("GET", "/images/json", images.list_all),
    Route("GET", "/images/get", images.save_many),
    Route("POST", "/images/load", images.load),
    Route("POST", "/images/create", images.create),
    Route("POST", "/images/prune", images.prune, since=(1, 25)),
    Route("GET", "/images/{name:.*}/json", images.inspect),
    Route("GET", "/images/{name:.*}/history", images.history),
    Route("GET", "/images/{name:.*}/get", images.save_one),
    Route("POST", "/images/{name:.*}/tag", images.tag),
    Route("POST", "/images/{name:.*}/push", images.push),
    Route("DELETE", "/images/{name:.*}", images.remove),
    *unserved.ROUTES,
)
