"""Volumes over HTTP: Docker's endpoints, and rename, clone, export and import, which Docker
lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wherry.api import filters
from wherry.api.answers import json_response, no_content
from wherry.api.call import Call
from wherry.api.schema.body import read
from wherry.api.timestamps import rfc3339_seconds
from wherry.engine.volumes.values import VolumeFacts, VolumeRequest
from wherry.errors import Invalid
from wherry.http.message import Answer, Stream
from wherry.spec.jsonfields import pairs, text

_TAR = {"Content-Type": "application/x-tar"}
_ALL_SINCE = (1, 42)  # before, a prune took named volumes too


@dataclass(frozen=True, slots=True)
class VolumeCreate:
    """Body of POST /volumes/create (Docker Engine API, `VolumeCreateOptions`)."""

    name: str = text("Name")
    driver: str = text("Driver")
    driver_opts: Mapping[str, str] | None = pairs("DriverOpts")
    labels: Mapping[str, str] | None = pairs("Labels")


async def list_all(call: Call) -> Answer:
    """GET /volumes."""
    wanted = filters.parse(call.query.text("filters"), filters.VOLUMES)
    volumes = await call.engine.volumes.list(wanted)
    return json_response({"Volumes": [rendered(each) for each in volumes], "Warnings": None})


async def inspect(call: Call) -> Answer:
    """GET /volumes/{name}."""
    return json_response(rendered(await call.engine.volumes.get(call.path["name"])))


async def create(call: Call) -> Answer:
    """POST /volumes/create."""
    body = await read(call.request, VolumeCreate, "volume.CreateOptions")
    request = VolumeRequest(body.name, body.driver, body.labels, body.driver_opts)
    return json_response(rendered(await call.engine.volumes.create(request)), 201)


async def remove(call: Call) -> Answer:
    """DELETE /volumes/{name}."""
    await call.engine.volumes.remove(call.path["name"], force=call.query.flag("force"))
    return no_content()


async def prune(call: Call) -> Answer:
    """POST /volumes/prune."""
    wanted = dict(filters.parse(call.query.text("filters"), filters.VOLUMES_PRUNE))
    if call.version < _ALL_SINCE:
        wanted["all"] = ("true",)
    pruned = await call.engine.volumes.prune(wanted)
    return json_response(
        {"VolumesDeleted": list(pruned.names) or None, "SpaceReclaimed": pruned.space}
    )


async def rename(call: Call) -> Answer:
    """POST /volumes/{name}/rename?name=other."""
    await call.engine.volumes.rename(call.path["name"], _other(call))
    return no_content()


async def clone(call: Call) -> Answer:
    """POST /volumes/{name}/clone?name=other."""
    facts = await call.engine.volumes.clone(call.path["name"], _other(call))
    return json_response(rendered(facts), 201)


def _other(call: Call) -> str:
    name = call.query.text("name")
    if not name:
        raise Invalid("no name is given for the volume", hint="add ?name=...")
    return name


async def export(call: Call) -> Answer:
    """GET /volumes/{name}/export."""
    return Stream(200, _TAR, await call.engine.volumes.export(call.path["name"]))


async def import_archive(call: Call) -> Answer:
    """POST /volumes/{name}/import: the body is a tar."""
    await call.engine.volumes.import_archive(call.path["name"], call.request.body)
    return no_content()


def rendered(facts: VolumeFacts) -> dict[str, Any]:
    """Return a volume in Docker's keys."""
    volume = facts.volume
    shown: dict[str, Any] = {
        "CreatedAt": rfc3339_seconds(volume.created),
        "Driver": volume.driver,
        "Labels": volume.labels,
        "Mountpoint": facts.mountpoint,
        "Name": volume.name,
        "Options": volume.options,
        "Scope": "local",
    }
    if facts.references >= 0:
        shown["UsageData"] = {"RefCount": facts.references, "Size": facts.size}
    return shown
