"""`Api`: requests to the daemon's HTTP API, with version negotiation, JSON, and errors raised."""

from __future__ import annotations

from wherry.cli.failures import ApiFailure, Failure, Unreachable
from wherry.cli.http import Connection, ProtocolError, Response
from wherry.jsontext import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from wherry.cli.host import Host
    from wherry.cli.http import Body

# What this client was written for. An older daemon says so, and is then spoken to in its own
# version; asking first, as docker does, would cost every command a round trip.
CLIENT_VERSION = "1.51"
_UPGRADE = {"Connection": "Upgrade", "Upgrade": "tcp"}
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

_MISSING = (2, 111)  # ENOENT, ECONNREFUSED: nobody listens there
_DENIED = (1, 13)  # EPERM, EACCES


class Api:
    """The daemon at `host`. One connection is kept for requests that follow each other."""

    __slots__ = ("_idle", "host", "start_daemon", "version")

    def __init__(self, host: Host, version: str = CLIENT_VERSION) -> None:
        self._idle: Connection | None = None
        self.host = host
        self.version = version
        self.start_daemon = host.own

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """The JSON that GET gives."""
        return decode(self.request("GET", path, query).read() or b"null")

    def post(
        self, path: str, query: Mapping[str, object] | None = None, value: object = None
    ) -> Any:
        """The JSON that POST gives, None when the answer is empty. `value` is sent as JSON."""
        answer = self.request("POST", path, query, _json_body(value), _json_headers(value)).read()
        return decode(answer) if answer else None

    def delete(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """The JSON that DELETE gives, None when the answer is empty."""
        answer = self.request("DELETE", path, query).read()
        return decode(answer) if answer else None

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, object] | None = None,
        body: Body = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request and return the answer, its body unread.

        The kept connection serves when the answer before was read. Raises `ApiFailure` for
        statuses from 400 on, `Unreachable`, or `Failure` when the answer is not HTTP.
        """
        connection = self._idle or self.connect()
        self._idle = None
        response = self._exchange(connection, method, path, query, body, headers or {})
        if connection.reusable:
            self._idle = connection
        return response

    def hijack(
        self, path: str, query: Mapping[str, object] | None = None, value: object = None
    ) -> Connection:
        """POST on a connection of its own and turn it into a plain stream, which is returned."""
        connection = self.connect()
        headers = {**_json_headers(value), **_UPGRADE}
        response = self._exchange(connection, "POST", path, query, _json_body(value), headers)
        if not response.upgraded:
            raise Failure(f"unable to upgrade to tcp, received {response.status}")
        return connection

    def begin(self, method: str, path: str, query: Mapping[str, object] | None = None) -> Pending:
        """Send a request on a connection of its own; the answer is fetched later."""
        return Pending(self, method, path, query)

    def ping(self) -> Mapping[str, str]:
        """Headers of the daemon's HEAD /_ping; the version is lowered to what it offers."""
        connection = self.connect()
        connection.send("HEAD", "/_ping", {})
        headers = connection.receive("HEAD").headers
        connection.close()
        offered = headers.get("api-version", "1.24")
        if _version_key(offered) < _version_key(self.version):
            self.version = offered
        return headers

    def speaks_older(self, failure: ApiFailure, sent: str) -> bool:
        """Whether the failure is about the version `sent`, and a lower one is now agreed on."""
        if "is too new" not in failure.text:
            return False
        if self.version == sent:
            self.ping()
        return self.version != sent

    def target(self, path: str, query: Mapping[str, object] | None) -> str:
        """The request target: version prefix (not for what is our own), path and query."""
        prefix = "" if path.startswith("/wherry/") else f"/v{self.version}"
        return f"{prefix}{path}{encode_query(query or {})}"

    def connect(self) -> Connection:
        """A new connection; starts this machine's daemon where that is our task."""
        try:
            return Connection(self.host.address, self.host.tls)
        except OSError as error:
            if error.errno not in _MISSING or not self.start_daemon:
                raise self._unreachable(error) from None
        from wherry.cli.autostart import start_daemon

        self.start_daemon = False
        return start_daemon(self.host)

    def _unreachable(self, error: OSError) -> Unreachable:
        if error.errno in _DENIED:
            return Unreachable(
                "permission denied while trying to connect to the Wherry daemon socket at "
                f"{self.host.text}: {error.strerror}"
            )
        return Unreachable(
            f"Cannot connect to the Wherry daemon at {self.host.text}."
            " Is the wherry daemon running?"
        )

    def _exchange(
        self,
        connection: Connection,
        method: str,
        path: str,
        query: Mapping[str, object] | None,
        body: Body,
        headers: Mapping[str, str],
    ) -> Response:
        # A body that is read once cannot be sent again in another version, and the answer to a
        # HEAD does not say what was wrong.
        once = method == "HEAD" or (body is not None and not isinstance(body, bytes))
        if once and self.version == CLIENT_VERSION:
            self.ping()
        sent = self.version
        response = _round_trip(connection, method, self.target(path, query), body, headers)
        try:
            return _checked(response)
        except ApiFailure as failure:
            if not self.speaks_older(failure, sent):
                raise
        return _checked(_round_trip(connection, method, self.target(path, query), body, headers))


class Pending:
    """A request that was sent and whose answer is awaited."""

    __slots__ = ("_api", "_connection", "_method", "_path", "_query", "_version")

    def __init__(
        self, api: Api, method: str, path: str, query: Mapping[str, object] | None
    ) -> None:
        self._api = api
        self._method = method
        self._path = path
        self._query = query
        self._connection = self._send()

    def _send(self) -> Connection:
        self._version = self._api.version
        connection = self._api.connect()
        try:
            connection.send(self._method, self._api.target(self._path, self._query), {})
        except OSError as error:
            raise _lost(error) from None
        return connection

    def result(self) -> Any:
        """Wait for the answer and its whole JSON body, None when empty; ends the connection."""
        try:
            answer = self._response().read()
        except (OSError, ProtocolError) as error:
            raise _lost(error) from None
        finally:
            self._connection.close()
        return decode(answer) if answer else None

    def _response(self) -> Response:
        try:
            return _checked(_receive(self._connection, self._method))
        except ApiFailure as failure:
            if not self._api.speaks_older(failure, self._version):
                raise
        self._connection.close()
        self._connection = self._send()
        return _checked(_receive(self._connection, self._method))


def encode_query(query: Mapping[str, object]) -> str:
    """`?a=1&b=2`, values quoted; True is 1, empty values and None are left out."""
    pairs = []
    for name, value in query.items():
        values: Sequence[object] = value if isinstance(value, list) else [value]
        pairs += [f"{name}={quote(_query_text(item))}" for item in values if _is_given(item)]
    return f"?{'&'.join(pairs)}" if pairs else ""


def quote(text: str) -> str:
    """Percent-encoding of everything but RFC 3986's unreserved characters."""
    raw = text.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in raw)


def _query_text(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return encode(value) if isinstance(value, dict) else str(value)


def _is_given(value: object) -> bool:
    return value is not None and value is not False and value != "" and value != {}


def _json_body(value: object) -> bytes | None:
    return None if value is None else encode(value).encode("utf-8", "surrogateescape")


def _json_headers(value: object) -> dict[str, str]:
    return {} if value is None else {"Content-Type": "application/json"}


def _version_key(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]


def _round_trip(
    connection: Connection, method: str, target: str, body: Body, headers: Mapping[str, str]
) -> Response:
    try:
        connection.send(method, target, headers, body)
    except (BrokenPipeError, ConnectionResetError):
        connection.reusable = False  # the daemon refused the body; its answer says why
    return _receive(connection, method)


def _receive(connection: Connection, method: str) -> Response:
    try:
        return connection.receive(method)
    except (OSError, ProtocolError) as error:
        raise _lost(error) from None


def _lost(error: Exception) -> Failure:
    return Failure(f"error during connect: {error}")


def _checked(response: Response) -> Response:
    if response.status < 400:
        return response
    raw = response.read()
    try:
        text = str(decode(raw)["message"])
    except (ValueError, KeyError, TypeError):
        text = raw.decode("utf-8", "replace").strip() or f"HTTP status {response.status}"
    raise ApiFailure(text, response.status)
