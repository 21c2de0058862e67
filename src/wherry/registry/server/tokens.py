"""Bearer tokens: JSON Web Tokens that say who may do what with which repository.

Source: Docker Registry v2 token authentication ("jwt" and "scope" pages of its specification).
`Issuer` makes tokens that only this registry has to understand (HMAC, a secret of its own);
`Verifier` checks those, or another issuer's by its public keys.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jwt

from wherry import atomicfile
from wherry.errors import Invalid
from wherry.registry.server.access import Action, Identity, actions_of

BUILTIN_ISSUER: Final = "wherry-registry"
_ASYMMETRIC: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA")
_LEEWAY: Final = 60.0
"""Seconds that the issuer's clock and ours may differ."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One resource and what is wanted of it: `repository:team/app:pull,push`."""

    kind: str
    name: str
    actions: frozenset[str]


def parse_scopes(texts: Iterable[str]) -> list[Scope]:
    """Scopes of a request, several of which may stand in one parameter. Bad ones are left out."""
    scopes = []
    for text in " ".join(texts).split():
        kind, _, rest = text.partition(":")
        name, colon, actions = rest.rpartition(":")
        if colon and name:
            kind = kind.partition("(")[0]  # repository(plugin)
            scopes.append(Scope(kind, name, frozenset(actions.split(","))))
    return scopes


class Issuer:
    """Makes tokens with a secret that is kept in a file beside the registry's data."""

    def __init__(self, path: str, service: str, lifetime: float) -> None:
        self.secret = _secret(path)
        self.service = service
        self.lifetime = lifetime

    def issue(self, user: str, granted: Sequence[tuple[Scope, frozenset[str]]]) -> dict[str, Any]:
        """The answer of a token endpoint: a token for a user ("" for anybody)."""
        now = int(time.time())
        claims = {
            "iss": BUILTIN_ISSUER,
            "sub": user,
            "aud": self.service,
            "iat": now,
            "nbf": now,
            "exp": now + int(self.lifetime),
            "jti": secrets.token_hex(8),
            "access": [
                {"type": scope.kind, "name": scope.name, "actions": sorted(actions)}
                for scope, actions in granted
            ],
        }
        token = jwt.encode(claims, self.secret, algorithm="HS256")
        issued = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        return {
            "token": token,
            "access_token": token,
            "expires_in": int(self.lifetime),
            "issued_at": issued,
        }


class Verifier:
    """Reads tokens of one issuer for one service."""

    def __init__(
        self, keys: Sequence[Any], algorithms: Sequence[str], issuer: str, service: str
    ) -> None:
        self._keys = keys
        self._algorithms = algorithms
        self._issuer = issuer
        self._service = service

    def identity(self, token: str) -> Identity | None:
        """What a token says; None for one that does not count (forged, expired, for others)."""
        for key in self._keys:
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=list(self._algorithms),
                    audience=self._service or None,
                    issuer=self._issuer,
                    leeway=_LEEWAY,
                    options={"require": ["exp", "iss"], "verify_aud": bool(self._service)},
                )
            except (jwt.PyJWTError, ValueError, TypeError):
                continue
            return _identity(claims)
        return None


def own_verifier(issuer: Issuer) -> Verifier:
    """For the tokens of our own issuer."""
    return Verifier([issuer.secret], ["HS256"], BUILTIN_ISSUER, issuer.service)


def foreign_verifier(paths: Sequence[str], issuer: str, service: str) -> Verifier:
    """For another issuer's tokens, by files with its public keys. Raises Invalid."""
    keys = [key for path in paths for key in _public_keys(path)]
    return Verifier(keys, _ASYMMETRIC, issuer, service)


def _identity(claims: dict[str, Any]) -> Identity:
    grants: dict[str, frozenset[Action]] = {}
    catalog = False
    access = claims.get("access")
    for entry in access if isinstance(access, list) else []:
        if not isinstance(entry, dict) or not isinstance(entry.get("actions"), list):
            continue
        name, words = str(entry.get("name")), [str(each) for each in entry["actions"]]
        if entry.get("type") == "repository":
            grants[name] = grants.get(name, frozenset()) | actions_of(words)
        elif entry.get("type") == "registry" and name == "catalog":
            catalog = catalog or "*" in words
    return Identity(str(claims.get("sub") or ""), tuple(grants.items()), catalog)


def _public_keys(path: str) -> list[Any]:
    """Keys of a PEM file (a key or a certificate) or of a JSON Web Key Set."""
    try:
        with open(path, "rb") as file:
            data = file.read()
        if data.lstrip().startswith(b"{"):
            return [key.key for key in jwt.PyJWKSet.from_dict(json.loads(data)).keys]
        return [_pem_key(data)]
    except (OSError, ValueError, jwt.PyJWTError) as error:
        raise Invalid(f"cannot read the token issuer's key {path}: {error}") from None


def _pem_key(data: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from cryptography.x509 import load_pem_x509_certificate

    if b"BEGIN CERTIFICATE" in data:
        return load_pem_x509_certificate(data).public_key()
    return load_pem_public_key(data)


def _secret(path: str) -> bytes:
    """The registry's own secret, made at the first start. Raises OSError."""
    try:
        with open(path, "rb") as file:
            return bytes.fromhex(file.read().decode("ascii"))
    except FileNotFoundError:
        secret = secrets.token_bytes(32)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        atomicfile.write(path, secret.hex().encode(), 0o600)
        return secret
