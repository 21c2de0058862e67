"""One registry, or one of its mirrors, as a place for authorized requests.

Follows redirects without carrying authorization to another place, learns from challenges, and tries
plain HTTP where the registry is insecure and does not speak TLS (as Docker does).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode, urljoin

from wherry.errors import Invalid
from wherry.registry import headers, refusals
from wherry.registry.exchange import Answer, Body, Place, Request
from wherry.registry.netfailures import Unreachable
from wherry.registry.refusals import TEMPORARY, Refusal, Temporary
from wherry.registry.tokens import Authorizer, Scopes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wherry.registry.cancellation import Cancellation
    from wherry.registry.connections import Connections
    from wherry.registry.credentials import Credentials

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 10
_LONGEST_REFUSAL: Final = 64 << 10


@dataclass(frozen=True, slots=True)
class Address:
    """Where an endpoint is: `schemes` to try in order, `prefix` before repository names.

    `origin`, if any, is told as `?ns=`: the registry that a mirror is asked to stand for.
    """

    host: str
    schemes: tuple[str, ...] = ("https",)
    prefix: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One request of the distribution API.

    `target` is a path below /v2/, one from the root (with a slash in front), or a whole URL that
    the registry gave; `scopes` are the actions that it needs (`repository:name:pull`).
    """

    method: str
    target: str
    scopes: Scopes = frozenset()
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None


class Endpoint:
    """Any thread."""

    def __init__(
        self,
        address: Address,
        connections: Connections,
        credentials: Credentials,
        *,
        extra: Mapping[str, str],
        trusts: Callable[[str], bool],
        offline: bool = False,
    ) -> None:
        """`extra` headers go with every request to the registry itself."""
        self.address = address
        self._connections = connections
        self._extra = dict(extra)
        self._lock = threading.Lock()
        self._scheme = address.schemes[0] if len(address.schemes) == 1 else ""
        self._authorizer = Authorizer(credentials, trusts, offline=offline)

    @property
    def name(self) -> str:
        """Its host, as messages name it."""
        return self.address.host

    @property
    def identity_token(self) -> str:
        """What the token server gave for the next time, "" if nothing."""
        return self._authorizer.identity_token

    def repository(self, name: str) -> str:
        """What a repository of the registry is called here."""
        return self.address.prefix + name

    def close(self) -> None:
        """Close its connections."""
        self._connections.close()

    def send(self, call: Call, cancellation: Cancellation) -> Answer:
        """The answer, whatever its status, but for those that may be better a little later.

        Raises Temporary for these, and what `Connections.send` and `Authorizer` raise.
        """
        answer = self._reach(call, cancellation)
        if answer.status in TEMPORARY:
            refused = read_refusal(answer)
            raise refused.error(f"registry {self.name}", self.name)
        return answer

    def _reach(self, call: Call, cancellation: Cancellation) -> Answer:
        """By the scheme that works, which the first call finds out while others wait."""
        with self._lock:
            if not self._scheme:
                return self._find_scheme(call, cancellation)
        return self._authorized(call, self._scheme, cancellation)

    def _find_scheme(self, call: Call, cancellation: Cancellation) -> Answer:
        failures = []
        for scheme in self.address.schemes:
            try:
                answer = self._authorized(call, scheme, cancellation)
            except Unreachable as error:
                failures.append(error.message)
            else:
                self._scheme = scheme
                return answer
        raise Unreachable("; ".join(failures))

    def _authorized(self, call: Call, scheme: str, cancellation: Cancellation) -> Answer:
        def send(request: Request) -> Answer:
            return self._connections.send(request, cancellation)

        for _ in range(3):  # without, with, and with a new token where the old one has expired
            authorization = self._authorizer.header(call.scopes, send)
            answer = self._follow(self._request(call, scheme, authorization), cancellation)
            if answer.status != 401 or not self._is_ours(answer.url):
                return answer
            offered = answer.header_lines("WWW-Authenticate")
            if not self._authorizer.learn(offered, call.scopes, authorization):
                return answer
            answer.discard()
        return answer

    def _request(self, call: Call, scheme: str, authorization: str) -> Request:
        url = call.target
        if "://" not in url:
            path = url if url.startswith("/") else f"/v2/{url}"
            url = f"{scheme}://{self.address.host}{quote(path, safe='/:@+')}"
        query = dict(call.query)
        if self.address.origin:
            query["ns"] = self.address.origin
        if query:
            url += ("&" if "?" in url else "?") + urlencode(query)
        fields = {**self._extra, **call.headers}
        if authorization and self._is_ours(url):
            fields["Authorization"] = authorization
        return Request(call.method, url, fields, call.body)

    def _is_ours(self, url: str) -> bool:
        """Whether a URL leads to this very registry, where its authorization may go."""
        place, own = Place.of(url), Place.of(f"{Place.of(url).scheme}://{self.address.host}")
        return place == own and place.scheme in self.address.schemes

    def _follow(self, request: Request, cancellation: Cancellation) -> Answer:
        for _ in range(_MOST_REDIRECTS):
            answer = self._connections.send(request, cancellation)
            location = answer.header("Location")
            if answer.status not in _REDIRECTS or not location:
                return answer
            answer.discard()
            request = _redirected(request, answer.status, location)
        raise Invalid(f"registry {self.name} redirects without an end")


def _redirected(request: Request, status: int, location: str) -> Request:
    """The request to send next; authorization and our own headers stay within one place."""
    url = urljoin(request.url, location)
    kept = dict(request.headers)
    if Place.of(url) != Place.of(request.url):
        kept = {name: value for name, value in kept.items() if name in _HARMLESS}
    if status == 303 and request.method not in ("GET", "HEAD"):
        return Request("GET", url, kept)
    return replace(request, url=url, headers=kept)


_HARMLESS: Final = frozenset({"Accept", "Range", "User-Agent", "If-Range"})


def read_refusal(answer: Answer) -> Refusal:
    """Read an answer's body as the registry's refusal; the connection stays usable."""
    try:
        body = answer.read(_LONGEST_REFUSAL)
    except (Invalid, Temporary):
        body = b""
    delay = headers.retry_after(answer.header("Retry-After"))
    return refusals.refusal(answer.status, body, delay)
