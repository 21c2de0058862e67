"""The built-in token endpoint: users of the htpasswd file get tokens for what they may do.

`GET /token?service=..&scope=..` with Basic credentials, or none for what everybody may do; `POST`
is the OAuth2 form with grant_type=password that clients fall back to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from wherry.http.message import Request, Response
from wherry.registry.server import errors
from wherry.registry.server.access import Rights
from wherry.registry.server.authentication import basic
from wherry.registry.server.call import parameters
from wherry.registry.server.errors import RegistryError
from wherry.registry.server.htpasswd import Htpasswd
from wherry.registry.server.tokens import Issuer, Scope, parse_scopes

_FORM_LIMIT: Final = 64 * 1024
_CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="Wherry registry", charset="UTF-8"'}


class TokenEndpoint:
    """Answers requests for tokens."""

    def __init__(self, users: Htpasswd, rights: Rights, issuer: Issuer) -> None:
        self._users = users
        self._rights = rights
        self._issuer = issuer

    async def page(self, request: Request) -> Response:
        """Give a token, or say why not."""
        try:
            if request.method == "GET":
                return await self._by_password(request)
            if request.method == "POST":
                return await self._by_form(request)
        except RegistryError as error:
            return errors.answer(error)
        return errors.answer(RegistryError("UNSUPPORTED", "tokens are asked for by GET or POST"))

    async def _by_password(self, request: Request) -> Response:
        header = request.headers.get("authorization", "")
        user = ""
        if header:
            given = basic(header)
            if given is None or not await self._users.check(*given):
                raise _refused()
            user = given[0]
        return self._token(user, parameters(request.query).get("scope", []))

    async def _by_form(self, request: Request) -> Response:
        form = parameters((await request.body.read(_FORM_LIMIT)).decode("utf-8", "replace"))
        if _first(form, "grant_type") != "password":
            raise RegistryError("UNSUPPORTED", "only grant_type=password is known", status=400)
        user = _first(form, "username")
        if not await self._users.check(user, _first(form, "password")):
            raise _refused()
        return self._token(user, form.get("scope", []))

    def _token(self, user: str, scopes: Sequence[str]) -> Response:
        granted = [(scope, self._grant(user, scope)) for scope in parse_scopes(scopes)]
        body = json.dumps(self._issuer.issue(user, granted)).encode() + b"\n"
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        return Response(200, headers, body)

    def _grant(self, user: str, scope: Scope) -> frozenset[str]:
        """The part of a scope that the rules allow."""
        if scope.kind == "repository":
            allowed = {each.value for each in self._rights.actions(user, scope.name)}
            return frozenset(allowed if "*" in scope.actions else allowed & scope.actions)
        if (scope.kind, scope.name) == ("registry", "catalog") and user:
            return scope.actions
        return frozenset()


def _first(form: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(form.get(name, ())), "")


def _refused() -> RegistryError:
    return RegistryError("UNAUTHORIZED", "wrong user name or password", headers=_CHALLENGE)
