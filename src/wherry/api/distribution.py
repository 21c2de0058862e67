"""GET /distribution/{name}/json: what a name leads to in its registry."""

from __future__ import annotations

from typing import Any

from wherry.api import registry_auth
from wherry.api.answers import json_response
from wherry.api.call import Call
from wherry.http.message import Answer
from wherry.spec.image import Descriptor, platform_to_json


async def inspect(call: Call) -> Answer:
    """Descriptor and platforms, asked of the registry now."""
    credentials = registry_auth.of_request(call.request)
    found = await call.engine.registries.describe(call.path["name"], credentials)
    platforms = [platform_to_json(platform) for platform in found.platforms]
    return json_response({"Descriptor": _shown(found.descriptor), "Platforms": platforms or None})


def _shown(descriptor: Descriptor) -> dict[str, Any]:
    return {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    }
