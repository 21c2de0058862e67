"""Authorization for one endpoint: bearer tokens per scope, or Basic, learnt from challenges.

Sources: the distribution project's token specification (GET) and OAuth2 one (POST), RFC 6750,
RFC 7617. Nothing is shown to a registry that has not asked for it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from wherry.errors import Denied, Invalid, NotFound, Unavailable
from wherry.registry import challenge, headers
from wherry.registry.exchange import Answer, Body, Request
from wherry.registry.netfailures import Unreachable
from wherry.registry.refusals import Temporary, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.registry.challenge import Challenge
    from wherry.registry.credentials import Credentials

CLIENT_ID: Final = "docker"  # what registries that tell clients apart expect
_DEFAULT_LIFE: Final = 60.0  # seconds, when the token server does not say (token specification)
_MARGIN: Final = 10.0  # seconds before its end that a token counts as expired
_LONGEST_ANSWER: Final = 1 << 20

Scopes = frozenset[str]
Send = Callable[[Request], Answer]


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; `expires` on the monotonic clock; `refresh` the identity token given."""

    value: str = field(repr=False)
    expires: float
    refresh: str = field(default="", repr=False)


class Authorizer:
    """What to send as `Authorization`. Any thread; threads that want one scope wait for one token.

    `trusts` says whether credentials may be sent to a host over plain HTTP; `send` (of the methods
    that take it) does one request as it is.
    """

    def __init__(
        self, credentials: Credentials, trusts: Callable[[str], bool], *, offline: bool = False
    ) -> None:
        """`offline` asks for an identity token beside the first bearer token (login)."""
        self._credentials = credentials
        self._trusts = trusts
        self._offline = offline
        self._lock = threading.Lock()
        self._challenge: Challenge | None = None
        self._tokens: dict[Scopes, Token] = {}

    def header(self, scopes: Scopes, send: Send) -> str:
        """The header's value for a request with these scopes, "" before the first challenge.

        Raises Denied, or what the token server's refusal amounts to.
        """
        if self._credentials.registry_token:
            return f"Bearer {_checked(self._credentials.registry_token)}"
        with self._lock:
            if self._challenge is None:
                return ""
            if self._challenge.scheme == "basic":
                return self._credentials.basic
            return f"Bearer {self._token(self._challenge, scopes, send).value}"

    def learn(self, headers: Iterable[str], scopes: Scopes, used: str) -> bool:
        """Take a 401's challenges in; whether trying again has any prospect.

        `used` is the header that was refused: a token that another thread has replaced meanwhile
        is reason enough to try again, one just fetched is none.
        """
        offered = {each.scheme: each for each in reversed(challenge.parse(headers))}
        with self._lock:
            known = self._tokens.pop(scopes, None)
            if known is not None and used != f"Bearer {known.value}":
                self._tokens[scopes] = known
                return True
            chosen = self._choose(offered)
            if chosen is None or (used and not used.startswith("Bearer")):
                return False
            self._challenge = chosen
            return not self._credentials.registry_token

    def _choose(self, offered: dict[str, Challenge]) -> Challenge | None:
        if "bearer" in offered:
            return offered["bearer"]
        return offered.get("basic") if self._credentials.username else None

    @property
    def identity_token(self) -> str:
        """The identity token that came with a bearer token, "" if none did."""
        with self._lock:
            return next((token.refresh for token in self._tokens.values() if token.refresh), "")

    def _token(self, asked: Challenge, scopes: Scopes, send: Send) -> Token:
        known = self._tokens.get(scopes)
        if known is None or known.expires < time.monotonic():
            wanted = scopes or Scopes(asked.parameters.get("scope", "").split())
            known = self._tokens[scopes] = self._fetch(asked, sorted(wanted), send)
        return known

    def _fetch(self, asked: Challenge, scopes: list[str], send: Send) -> Token:
        realm = asked.parameters.get("realm", "")
        if not realm:
            raise Invalid("the registry asks for a bearer token and does not say where to get it")
        self._check_realm(realm)
        service = asked.parameters.get("service", "")
        if self._credentials.identity_token:
            return _read(self._posted(realm, service, scopes), send)
        return _read(self._asked(realm, service, scopes), send)

    def _check_realm(self, realm: str) -> None:
        parts = urlsplit(realm)
        if parts.scheme == "http" and self._credentials and not self._trusts(parts.netloc):
            raise Denied(
                f"the registry wants credentials sent to {parts.netloc} over plain HTTP",
                hint=f"list {parts.netloc} in insecure-registries if that is meant",
            )

    def _asked(self, realm: str, service: str, scopes: list[str]) -> Request:
        query = [("service", service)] if service else []
        query += [("scope", scope) for scope in scopes]
        query += [("client_id", CLIENT_ID), ("offline_token", "true")] if self._offline else []
        fields = {}
        if self._credentials.username:
            query.append(("account", self._credentials.username))
            fields["Authorization"] = self._credentials.basic
        mark = "&" if urlsplit(realm).query else "?"
        return Request("GET", f"{realm}{mark}{urlencode(query)}", fields)

    def _posted(self, realm: str, service: str, scopes: list[str]) -> Request:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self._credentials.identity_token,
            "service": service,
            "client_id": CLIENT_ID,
            "access_type": "offline",
            "scope": " ".join(scopes),
        }
        data = urlencode(form).encode()
        fields = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request("POST", realm, fields, Body(lambda: BytesIO(data), len(data)))


def _read(request: Request, send: Send) -> Token:
    place = urlsplit(request.url).netloc
    try:
        answer = send(request)
    except Unreachable as error:  # the registry itself was reached
        raise Temporary(error.message, hint=error.hint) from error
    body = answer.read(_LONGEST_ANSWER)
    if answer.status != 200:
        delay = headers.retry_after(answer.header("Retry-After"))
        refused = refusal(answer.status, body, delay).error(f"token from {place}", place)
        # Not NotFound: nobody shall take it for a missing image.
        raise Unavailable(refused.message) if isinstance(refused, NotFound) else refused
    return _token(body, place)


def _token(body: bytes, place: str) -> Token:
    """Read the token server's answer. Raises Invalid, which does not quote it."""
    try:
        document = json.loads(body)
        value = document.get("access_token") or document.get("token")
        life = float(document.get("expires_in") or _DEFAULT_LIFE)
        refresh = document.get("refresh_token") or ""
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Invalid(f"the token server {place} answered what is no token") from None
    if not isinstance(value, str) or not value:
        raise Invalid(f"the token server {place} answered without a token")
    expires = time.monotonic() + max(0.0, life - min(_MARGIN, life / 2))
    return Token(_checked(value), expires, refresh if isinstance(refresh, str) else "")


def _checked(token: str) -> str:
    """A token that fits a header. Raises Invalid; http.client's own error would quote it."""
    if not token.isascii() or not token.isprintable():
        raise Invalid("the registry token holds what cannot stand in a header")
    return token
