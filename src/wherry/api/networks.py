"""Networks over HTTP: Docker's endpoints, and ports of a running container, which Docker lacks."""

from __future__ import annotations

from wherry.api import filters
from wherry.api.answers import json_response, no_content
from wherry.api.call import Call
from wherry.api.container_networks import bindings_of
from wherry.api.network_render import rendered
from wherry.api.schema.body import read
from wherry.engine.networks.config import (
    ConnectRequest,
    DisconnectRequest,
    NetworkRequest,
    PortsRequest,
)
from wherry.errors import Invalid, NotFound
from wherry.http.message import Answer, Response

_BOOLEANS = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False, "": False}
_LIST_MEMBERS_BELOW = (1, 28)


async def list_all(call: Call) -> Answer:
    """GET /networks: without the containers, as since API 1.28."""
    wanted = filters.parse(call.query.text("filters"), filters.NETWORKS)
    networks = await call.engine.networks.list(wanted)
    return json_response([rendered(each, call.version, members=False) for each in networks])


async def inspect(call: Call) -> Answer:
    """GET /networks/{id}."""
    verbose = call.query.text("verbose").lower()
    if verbose not in _BOOLEANS:
        raise Invalid(
            f'invalid value for verbose: {verbose}: strconv.ParseBool: parsing "{verbose}": '
            "invalid syntax"
        )
    found = await call.engine.networks.get(call.path["id"])
    if call.query.text("scope") not in ("", found.network.scope):
        raise NotFound(f"network {call.path['id']} not found")
    return json_response(rendered(found, call.version, members=True))


async def create(call: Call) -> Answer:
    """POST /networks/create."""
    request = await read(call.request, NetworkRequest, "network.CreateRequest")
    created = await call.engine.networks.create(request)
    return json_response({"Id": created.id, "Warning": created.warning}, 201)


async def remove(call: Call) -> Answer:
    """DELETE /networks/{id}."""
    await call.engine.networks.remove(call.path["id"])
    return no_content()


async def prune(call: Call) -> Answer:
    """POST /networks/prune."""
    wanted = filters.parse(call.query.text("filters"), filters.NETWORKS_PRUNE)
    removed = await call.engine.networks.prune(wanted)
    return json_response({"NetworksDeleted": list(removed) or None})


async def connect(call: Call) -> Answer:
    """POST /networks/{id}/connect."""
    body = await read(call.request, ConnectRequest, "network.ConnectOptions")
    _check_container(body.container)
    await call.engine.networks.connect(call.path["id"], body.container, body.endpoint_config)
    return Response(200)


async def disconnect(call: Call) -> Answer:
    """POST /networks/{id}/disconnect."""
    body = await read(call.request, DisconnectRequest, "network.DisconnectOptions")
    _check_container(body.container)
    await call.engine.networks.disconnect(call.path["id"], body.container, force=body.force)
    return Response(200)


async def publish(call: Call) -> Answer:
    """POST /containers/{name}/ports/add, Wherry's own."""
    body = await read(call.request, PortsRequest, "container.PortsRequest")
    state = await call.engine.networks.publish(call.path["name"], body.port_bindings or {})
    return json_response({"Ports": bindings_of(state)})


async def unpublish(call: Call) -> Answer:
    """POST /containers/{name}/ports/remove, Wherry's own."""
    body = await read(call.request, PortsRequest, "container.PortsRequest")
    state = await call.engine.networks.unpublish(call.path["name"], body.port_bindings or {})
    return json_response({"Ports": bindings_of(state)})


def _check_container(name: str) -> None:
    if not name:
        raise Invalid('invalid name or ID supplied: ""', hint="name the container")
