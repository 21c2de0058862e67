"""Credentials as clients send them: the header X-Registry-Auth, and the body of POST /auth.

Source: Docker Engine API v1.51, section "Authentication" (AuthConfig, base64url-encoded JSON).
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, Final

from wherry.registry.credentials import ANONYMOUS, Credentials

if TYPE_CHECKING:
    from wherry.http.message import Request

HEADER: Final = "x-registry-auth"


def of_request(request: Request) -> Credentials:
    """The credentials in the request's X-Registry-Auth; anonymous ones where there are none.

    What cannot be read counts as absent, as with dockerd: clients send "{}", "null", or nothing.
    """
    text = request.headers.get(HEADER, "")
    try:
        raw = base64.b64decode(_padded(text), altchars=b"-_")
        members = json.loads(raw) if raw else None
    except (binascii.Error, ValueError, RecursionError):
        return ANONYMOUS
    return from_members(members) if isinstance(members, dict) else ANONYMOUS


def from_members(members: dict[str, Any]) -> Credentials:
    """The credentials in an AuthConfig object; members of other types count as absent."""
    return Credentials(
        username=_text(members, "username"),
        password=_text(members, "password"),
        identity_token=_text(members, "identitytoken"),
        registry_token=_text(members, "registrytoken"),
    )


def _text(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) else ""


def _padded(text: str) -> str:
    """Base64 of the URL alphabet with the padding that some clients leave out."""
    plain = text.strip().replace("+", "-").replace("/", "_").rstrip("=")
    return plain + "=" * (-len(plain) % 4)
