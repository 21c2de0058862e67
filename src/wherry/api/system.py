"""The engine itself over HTTP: ping, version, info, disk usage, and its end."""

from __future__ import annotations

import time
from typing import Any, Final

from wherry.api.answers import json_response, no_content
from wherry.api.call import Call
from wherry.api.container_list import summarised as container_summary
from wherry.api.image_render import summarised as image_summary
from wherry.api.shims import DISK_USAGE, INFO, adapted
from wherry.api.system_info import rendered
from wherry.api.version import MAXIMUM, MINIMUM, text_of
from wherry.api.volumes import rendered as rendered_volume
from wherry.http.message import Answer, Response

_PING: Final = {
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "Pragma": "no-cache",
    "Builder-Version": "1",
    "Swarm": "inactive",
}


async def ping(call: Call) -> Answer:
    """GET and HEAD /_ping: the headers tell version and abilities."""
    return Response(200, _PING, b"OK" if call.request.method == "GET" else b"")


async def version(call: Call) -> Answer:
    """GET /version."""
    facts = await call.engine.system.version()
    platform = {"Name": "Wherry"}
    details = {
        "ApiVersion": text_of(MAXIMUM),
        "Arch": facts.arch,
        "BuildTime": facts.build_time,
        "Experimental": "false",
        "GitCommit": facts.git_commit,
        "GoVersion": "",
        "KernelVersion": facts.kernel_version,
        "MinAPIVersion": text_of(MINIMUM),
        "Os": facts.os,
    }
    components: list[dict[str, Any]] = [
        {"Name": "Engine", "Version": facts.version, "Details": details}
    ]
    components += [
        {"Name": name, "Version": version, "Details": {"GitCommit": ""}}
        for name, version in facts.components.items()
    ]
    return json_response(
        {
            "Platform": platform,
            "Components": components,
            "Version": facts.version,
            "ApiVersion": text_of(MAXIMUM),
            "MinAPIVersion": text_of(MINIMUM),
            "GitCommit": facts.git_commit,
            "GoVersion": "",
            "Os": facts.os,
            "Arch": facts.arch,
            "KernelVersion": facts.kernel_version,
            "BuildTime": facts.build_time,
        }
    )


async def info(call: Call) -> Answer:
    """GET /info."""
    facts = await call.engine.system.info()
    return json_response(adapted(INFO, rendered(facts), call.version))


async def shutdown(call: Call) -> Answer:
    """POST /wherry/system/shutdown?t=seconds, Wherry's own: everything ends, containers too.

    SIGTERM ends the daemon alone, and its containers run on.
    """
    await call.request.body.discard(0)
    await call.engine.daemon.shutdown(call.query.integer("t"))
    return no_content()


async def disk_usage(call: Call) -> Answer:
    """GET /system/df, of the object kinds in `type` or of all."""
    kinds = call.query.all("type") or ["container", "image", "volume", "build-cache"]
    usage = await call.engine.system.disk_usage()
    shown: dict[str, Any] = {}
    if "image" in kinds:
        shown["LayersSize"] = usage.layers_size
        shown["Images"] = [image_summary(image, call.version) for image in usage.images]
    if "container" in kinds:
        shown["Containers"] = [
            container_summary(container, container.image_ref, time.time_ns())
            | {"SizeRw": rw, "SizeRootFs": root_fs}
            for container, rw, root_fs in usage.containers
        ]
    if "volume" in kinds:
        shown["Volumes"] = [rendered_volume(volume) for volume in usage.volumes]
    if "build-cache" in kinds:
        shown["BuildCache"] = []
    return json_response(adapted(DISK_USAGE, shown, call.version))
