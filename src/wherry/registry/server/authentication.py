"""Who sent a request: passwords (Basic) or tokens (Bearer), and how a client is told to log in.

Sources: RFC 7617, RFC 6750, and Docker's token authentication for the scopes of the challenge.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from wherry.http.message import Request
from wherry.registry.server.access import Action, Identity, Rights, denied
from wherry.registry.server.errors import RegistryError
from wherry.registry.server.htpasswd import Htpasswd
from wherry.registry.server.tokens import Verifier

TOKEN_PATH: Final = "/token"
_WORDS: Final = {Action.PULL: "pull", Action.PUSH: "pull,push", Action.DELETE: "delete"}


def basic(header: str) -> tuple[str, str] | None:
    """User and password of an Authorization header, None if it has none."""
    kind, _, rest = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(rest.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    user, colon, password = decoded.partition(":")
    return (user, password) if colon else None


class Passwords:
    """A Guard: users of an htpasswd file, who send their password with each request."""

    def __init__(self, users: Htpasswd, rights: Rights) -> None:
        self._users = users
        self._rights = rights

    async def identify(self, request: Request) -> Identity:
        """See Guard."""
        header = request.headers.get("authorization", "")
        if not header:
            return Identity()
        given = basic(header)
        if given is None or not await self._users.check(*given):
            raise self._unauthorized(request, "wrong user name or password")
        return Identity(given[0])

    def actions(self, identity: Identity, name: str) -> frozenset[Action]:
        """See Guard."""
        return self._rights.actions(identity.user, name)

    def refuse(
        self, request: Request, identity: Identity, name: str, action: Action
    ) -> RegistryError:
        """See Guard."""
        if identity.user:
            return denied(name, action, identity.user)
        return self._unauthorized(request, "authentication required")

    def demands_login(self, identity: Identity) -> bool:
        """See Guard."""
        return not identity.user

    def challenge(self, request: Request, scopes: Sequence[str] = ()) -> dict[str, str]:
        """See Guard."""
        return {"WWW-Authenticate": 'Basic realm="Wherry registry", charset="UTF-8"'}

    def _unauthorized(self, request: Request, message: str) -> RegistryError:
        return RegistryError("UNAUTHORIZED", message, headers=self.challenge(request))


class Bearers:
    """A Guard: tokens, ours or another issuer's. What a token does not grant is refused.

    `realm` is the address of the token endpoint; "" is our own, at the address that the client
    used (`scheme` tells http or https).
    """

    def __init__(self, verifier: Verifier, realm: str, service: str, scheme: str) -> None:
        self._verifier = verifier
        self._realm = realm
        self._service = service
        self._scheme = scheme

    async def identify(self, request: Request) -> Identity:
        """See Guard."""
        header = request.headers.get("authorization", "")
        kind, _, token = header.partition(" ")
        if kind.lower() != "bearer":
            return Identity(grants=(), catalog=False)
        found = self._verifier.identity(token.strip())
        if found is None:
            raise self._unauthorized(request, (), 'error="invalid_token"')
        return found

    def actions(self, identity: Identity, name: str) -> frozenset[Action]:
        """See Guard."""
        return dict(identity.grants or ()).get(name, frozenset())

    def refuse(
        self, request: Request, identity: Identity, name: str, action: Action
    ) -> RegistryError:
        """See Guard: 401 even for a token that is good for other things, so that the client asks
        for one with this scope."""
        error = 'error="insufficient_scope"' if request.headers.get("authorization") else ""
        return self._unauthorized(request, (f"repository:{name}:{_WORDS[action]}",), error)

    def demands_login(self, identity: Identity) -> bool:
        """See Guard."""
        return identity.grants == () and not identity.user and not identity.catalog

    def challenge(self, request: Request, scopes: Sequence[str] = ()) -> dict[str, str]:
        """See Guard."""
        return {"WWW-Authenticate": self._challenge(request, scopes, "")}

    def _challenge(self, request: Request, scopes: Sequence[str], error: str) -> str:
        host = request.headers.get("host", "localhost").replace('"', "")
        realm = self._realm or f"{self._scheme}://{host}{TOKEN_PATH}"
        parts = [f'realm="{realm}"', f'service="{self._service}"']
        if scopes:
            parts.append(f'scope="{" ".join(scopes)}"')
        return "Bearer " + ",".join([*parts, error] if error else parts)

    def _unauthorized(self, request: Request, scopes: Sequence[str], error: str) -> RegistryError:
        headers = {"WWW-Authenticate": self._challenge(request, scopes, error)}
        return RegistryError("UNAUTHORIZED", "authentication required", headers=headers)
