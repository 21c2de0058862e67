"""One HTTP request and its answer, as values; the answer's body is read piece by piece."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final
from urllib.parse import urlsplit

from wherry.errors import Invalid, Unavailable
from wherry.registry.netfailures import translated

if TYPE_CHECKING:
    import http.client
    from collections.abc import Callable, Mapping

    from wherry.registry.cancellation import Cancellation

_BLOCK: Final = 64 << 10
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Body:
    """What to send: `open` gives it from its beginning, each time it has to be sent."""

    open: Callable[[], BinaryIO]
    size: int


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; its headers may hold secrets."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Body | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a connection leads."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Place:
        """Raises Invalid when the URL is none of http or https."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise Invalid(f"the address {url!r} cannot be read: {error}") from error
        if parts.scheme not in _PORTS or not parts.hostname:
            raise Invalid(f"the address {url!r} is not one of http or https")
        return cls(parts.scheme, parts.hostname, port or _PORTS[parts.scheme])

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


class Answer:
    """Status, headers and body of an answer; `close` it, or read it to its end.

    `done` is told once whether the connection can be used again; `interrupt` makes a read that
    blocks end, from any thread.
    """

    def __init__(
        self,
        request: Request,
        response: http.client.HTTPResponse,
        *,
        done: Callable[[bool], None],
        interrupt: Callable[[], None],
        cancellation: Cancellation,
    ) -> None:
        self.url = request.url
        self.status = response.status
        self._response = response
        self._done: Callable[[bool], None] | None = done
        self._interrupt = interrupt
        self._cancellation = cancellation

    def header(self, name: str) -> str:
        """A header's value, "" if absent."""
        return self._response.headers.get(name) or ""

    def header_lines(self, name: str) -> list[str]:
        """All values of a header that may stand several times."""
        return self._response.headers.get_all(name) or []

    @property
    def length(self) -> int | None:
        """Bytes of the body that are still to come, None if the server does not tell."""
        return self._response.length

    def readinto(self, buffer: memoryview) -> int:
        """Some of the body's bytes; 0 at its end. Raises Temporary when it ends too early."""
        place = Place.of(self.url)
        with translated(str(place), self._cancellation), self._cancellation.waking(self._interrupt):
            count = self._response.readinto(buffer)
            if not count and self._response.length:
                raise EOFError(f"{self._response.length} bytes are missing")
        if not count:
            self._end(reusable=not self._response.will_close)
        return count

    def read(self, limit: int) -> bytes:
        """The whole body, closed then. Raises Invalid when it is longer than `limit` bytes."""
        found = bytearray()
        buffer = memoryview(bytearray(min(_BLOCK, limit + 1)))
        try:
            while count := self.readinto(buffer):
                found += buffer[:count]
                if len(found) > limit:
                    raise Invalid(f"the answer of {Place.of(self.url)} has over {limit} bytes")
        finally:
            self.close()
        return bytes(found)

    def discard(self) -> None:
        """Read a short rest, so that the connection can be used again, else drop it."""
        try:
            if self.length is not None and self.length <= _BLOCK:
                self.read(_BLOCK)
        except (Invalid, Unavailable):
            return
        finally:
            self.close()

    def close(self) -> None:
        """Give the connection up, unless the body was read to its end."""
        self._end(reusable=False)

    def _end(self, *, reusable: bool) -> None:
        done, self._done = self._done, None
        if done is not None:
            self._response.close()
            done(reusable)
