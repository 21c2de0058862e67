"""POST /auth: are these credentials right?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from wherry.api.answers import json_response
from wherry.api.call import Call
from wherry.api.schema import body
from wherry.http.message import Answer
from wherry.registry.credentials import Credentials
from wherry.spec.jsondecode import decode
from wherry.spec.jsonfields import KEY, Json

_GO: Final = "registry.AuthConfig"


def _text(name: str) -> Any:
    """A string member that no `repr` shows."""
    return field(default="", repr=False, metadata={KEY: Json(name, "string", True, False)})


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """The body of the request (Docker Engine API v1.51, AuthConfig)."""

    username: str = _text("username")
    password: str = _text("password")
    server: str = _text("serveraddress")
    identity_token: str = _text("identitytoken")
    registry_token: str = _text("registrytoken")


async def log_in(call: Call) -> Answer:
    """Ask the registry. 401 when the credentials are wrong."""
    given = await body.read_json(call.request)
    config = decode(AuthConfig, given if given is not None else {}, _GO)
    credentials = Credentials(
        config.username, config.password, config.identity_token, config.registry_token
    )
    token = await call.engine.registries.log_in(config.server, credentials)
    return json_response({"Status": "Login Succeeded", "IdentityToken": token})
