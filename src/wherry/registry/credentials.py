"""What a client may show a registry: a user's name and password, or an identity token.

Secrets never come out of here by accident: `repr` and `str` hide them, so that a log line, a
traceback or an error message with such a value in it tells nothing.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials for one registry.

    `identity_token` is an OAuth2 refresh token (Docker's IdentityToken): it takes the password's
    place where the registry gives bearer tokens. `registry_token` is a bearer token to be used as
    it is (Docker's RegistryToken).
    """

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.username or self.identity_token or self.registry_token)

    @property
    def basic(self) -> str:
        """The value of a Basic `Authorization` header (RFC 7617, UTF-8)."""
        pair = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode()


ANONYMOUS = Credentials()
