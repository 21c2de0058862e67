"""The API: finds the endpoint, asks whether the sender may, answers, and notes what was done."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from wherry.http.body import BadBody
from wherry.http.message import Answer, Hijack, Request, Response
from wherry.registry.server import errors, paging
from wherry.registry.server.access import Action, Guard, Identity
from wherry.registry.server.call import Call, parameters
from wherry.registry.server.content import Contents
from wherry.registry.server.errors import RegistryError
from wherry.registry.server.pulling import Pulling
from wherry.registry.server.pushing import Pushing
from wherry.registry.server.routes import Endpoint, Route, route
from wherry.registry.server.uploading import Uploading

_log = logging.getLogger(__name__)
_VERSION: Final = {"Docker-Distribution-Api-Version": "registry/2.0"}

Handle = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Row:
    """How one method of one endpoint is answered, and the right that it takes."""

    action: Action
    handle: Handle


class Registry:
    """The handler of all requests below /v2/.

    Without `pushing` and `uploading` the registry is read-only.
    """

    def __init__(
        self,
        contents: Contents,
        guard: Guard,
        pushing: Pushing | None = None,
        uploading: Uploading | None = None,
    ) -> None:
        self._contents = contents
        self._guard = guard
        self._pulling = Pulling(contents)
        self._uploading = uploading
        self._rows = self._table(pushing, uploading)

    def _table(
        self, pushing: Pushing | None, uploading: Uploading | None
    ) -> Mapping[tuple[Endpoint, str], Row]:
        pulling = self._pulling
        rows = {
            (Endpoint.MANIFEST, "GET"): Row(Action.PULL, pulling.manifest),
            (Endpoint.BLOB, "GET"): Row(Action.PULL, pulling.blob),
            (Endpoint.TAGS, "GET"): Row(Action.PULL, pulling.tags),
            (Endpoint.REFERRERS, "GET"): Row(Action.PULL, pulling.referrers),
        }
        if pushing is not None:
            rows |= {
                (Endpoint.MANIFEST, "PUT"): Row(Action.PUSH, pushing.put_manifest),
                (Endpoint.MANIFEST, "DELETE"): Row(Action.DELETE, pushing.delete_manifest),
                (Endpoint.BLOB, "DELETE"): Row(Action.DELETE, pushing.delete_blob),
            }
        if uploading is not None:
            rows |= {
                (Endpoint.UPLOADS, "POST"): Row(Action.PUSH, self._begin_upload),
                (Endpoint.UPLOAD, "PATCH"): Row(Action.PUSH, uploading.chunk),
                (Endpoint.UPLOAD, "PUT"): Row(Action.PUSH, uploading.finish),
                (Endpoint.UPLOAD, "GET"): Row(Action.PUSH, uploading.status),
                (Endpoint.UPLOAD, "DELETE"): Row(Action.PUSH, uploading.cancel),
            }
        rows |= {
            (endpoint, "HEAD"): row for (endpoint, method), row in rows.items() if method == "GET"
        }
        return rows

    async def __call__(self, request: Request) -> tuple[Answer, Identity, Route | None]:
        """Answer a request; never raises but for a client that is gone."""
        identity, found = Identity(), None
        try:
            found = route(request.path)
            identity = await self._guard.identify(request)
            answer = await self._answer(request, found, identity)
        except RegistryError as error:
            answer = errors.answer(error)
        except BadBody as error:
            answer = errors.answer(RegistryError("BLOB_UPLOAD_INVALID", f"broken body: {error}"))
        except OSError as error:
            _log.exception("%s %s failed", request.method, request.path)
            answer = errors.answer(_failed(error))
        return _with(answer, _VERSION), identity, found

    async def _answer(self, request: Request, found: Route | None, identity: Identity) -> Answer:
        if found is None:
            raise RegistryError("UNSUPPORTED", f"no such endpoint: {request.path}", status=404)
        call = Call(request, found, parameters(request.query), identity)
        if found.endpoint is Endpoint.BASE:
            return self._base(call, identity)
        if found.endpoint is Endpoint.CATALOG:
            return await self._catalog(call, identity)
        row = self._rows.get((found.endpoint, request.method))
        if row is None:
            raise RegistryError("UNSUPPORTED", f"{request.method} is not supported here")
        if row.action not in self._guard.actions(identity, found.name):
            raise self._guard.refuse(request, identity, found.name, row.action)
        return await row.handle(call)

    def _base(self, call: Call, identity: Identity) -> Answer:
        if call.method not in ("GET", "HEAD"):
            raise RegistryError("UNSUPPORTED", f"{call.method} is not supported here")
        if self._guard.demands_login(identity):
            raise RegistryError(
                "UNAUTHORIZED",
                "authentication required",
                headers=self._guard.challenge(call.request),
            )
        return Response(200, {"Content-Type": "application/json"}, b"{}\n")

    async def _catalog(self, call: Call, identity: Identity) -> Answer:
        """Names of the repositories that the sender may pull."""
        if call.method not in ("GET", "HEAD"):
            raise RegistryError("UNSUPPORTED", f"{call.method} is not supported here")
        if self._guard.demands_login(identity) or not identity.catalog:
            headers = self._guard.challenge(call.request, ("registry:catalog:*",))
            raise RegistryError("UNAUTHORIZED", "authentication required", headers=headers)
        wanted = paging.page(call.query)
        names: list[str] = []
        position = wanted
        while len(names) <= wanted.count:
            found = await self._contents.repositories(position)
            names += [n for n in found if self._may_pull(identity, n)]
            if len(found) <= position.count:
                break
            position = paging.Page(position.count, found[-1])
        return await self._pulling.catalog(call, names, wanted)

    def _may_pull(self, identity: Identity, name: str) -> bool:
        return Action.PULL in self._guard.actions(identity, name)

    async def _begin_upload(self, call: Call) -> Answer:
        assert self._uploading is not None
        return await self._uploading.begin(call, lambda name: self._may_pull(call.sender, name))


def _with(answer: Answer, more: Mapping[str, str]) -> Answer:
    if isinstance(answer, Hijack):
        return answer
    headers = {**more, **answer.headers}
    return replace(answer, headers=headers)


def _failed(error: OSError) -> RegistryError:
    """The disk is full, or broken: the client may try again later."""
    return RegistryError("UNAVAILABLE", f"the registry's storage failed: {error.strerror}")
