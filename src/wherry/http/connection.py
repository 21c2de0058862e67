"""The server's side of one connection: HTTP/1.1 over asyncio, parsed by h11, or hijacked.

h11 keeps HTTP's state; what it does not know is whether a handler is at work and whether the
connection still speaks HTTP. Those are the phases here:

    READY     waiting for a request
    BUSY      a task answers one; its body is fed, anything behind it waits (pipelining)
    RAW       hijacked: bytes go to and from a Duplex
    LINGERING answered, but the client may still send what nobody wants: drop it for a moment, so
              that it reads the answer instead of a reset (closing a socket with unread bytes
              resets it, unix sockets too: net/unix/af_unix.c, unix_release_sock)
    CLOSED
"""

from __future__ import annotations

import asyncio
import enum
import errno
import logging
import socket
import struct
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, cast

import h11

from wherry.http import sendfile
from wherry.http.body import BadBody, Body
from wherry.http.date import http_date
from wherry.http.duplex import Duplex
from wherry.http.flow import HIGH, Gate, Inbox
from wherry.http.hangup import HangupWatch
from wherry.http.message import (
    Answer,
    Credentials,
    FileBody,
    Handler,
    Hijack,
    Request,
    Response,
    Stream,
)

_log = logging.getLogger(__name__)

MAX_HEAD: Final = 1024 * 1024
"""Bytes of a request line and its headers, as Go's server allows."""
UNREAD_LIMIT: Final = 256 * 1024
"""Bytes of an unwanted body that are read to keep the connection."""
LINGER_SECONDS: Final = 2.0
_NO_ID: Final = 0xFFFFFFFF
_SO_PEERGROUPS: Final = 59
"""Linux 4.13, asm-generic/socket.h; Python has no name for it."""
_GID: Final = struct.Struct("I")
_USUAL_GROUPS: Final = 256
_MOST_GROUPS: Final = 65536
"""NGROUPS_MAX of Linux."""
_REASONS: Final = {status.value: status.phrase.encode() for status in HTTPStatus}


class Phase(enum.Enum):
    """What the connection is doing; see the top of the module."""

    READY = enum.auto()
    BUSY = enum.auto()
    RAW = enum.auto()
    LINGERING = enum.auto()
    CLOSED = enum.auto()


class Connection(asyncio.Protocol):
    """Answers the requests of one connection, one after the other.

    `closed` is called with the connection when it is over.
    """

    def __init__(self, handler: Handler, closed: Callable[[Connection], None]) -> None:
        self._handler = handler
        self._on_closed = closed
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._gate = Gate()
        self._inbox: Inbox | None = None
        self._task: asyncio.Task[None] | None = None
        self._watch: HangupWatch | None = None
        self._phase = Phase.READY
        self._streaming = False
        self._half_closed = False
        self._peer = ""
        self._credentials: Credentials | None = None

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return self._phase in (Phase.BUSY, Phase.RAW)

    def close(self) -> None:
        """Close it, cancelling the handler at work."""
        self._transport.close()
        self._cancel()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=HIGH)
        address = transport.get_extra_info("peername")
        self._peer = str(address[0]) if isinstance(address, tuple) else ""
        self._credentials = _credentials(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        """Hand bytes to whoever the phase says."""
        if self._phase is Phase.RAW and self._inbox is not None:
            self._inbox.feed(data)
        elif self._phase in (Phase.READY, Phase.BUSY):
            self._http.receive_data(data)
            self._advance()

    def eof_received(self) -> bool:
        """Keep our direction open while an answer is owed."""
        self._half_closed = True
        if self._phase is Phase.RAW and self._inbox is not None:
            self._inbox.end()
        elif self._phase is Phase.BUSY:
            self._http.receive_data(b"")
            self._advance()
        if not self.busy:
            return False
        self._watch_for_hangup()
        return True

    def pause_writing(self) -> None:
        """Hold the writers."""
        self._gate.shut()

    def resume_writing(self) -> None:
        """Let the writers go on."""
        self._gate.open()

    def connection_lost(self, error: Exception | None) -> None:
        """Cancel whoever works for nobody."""
        self._phase = Phase.CLOSED
        self._gate.lose()
        if self._watch is not None:
            self._watch.close()
        self._cancel()
        self._on_closed(self)

    # Reading.

    def _advance(self) -> None:
        """Take events from h11 until it needs more bytes or the handler at work is done."""
        try:
            while self._phase in (Phase.READY, Phase.BUSY):
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    break
                if isinstance(event, h11.ConnectionClosed):
                    self._ended()
                    break
                self._take(event)
        except h11.RemoteProtocolError as error:
            self._refuse(error)
            return
        if self._phase is Phase.BUSY and len(self._http.trailing_data[0]) > HIGH:
            self._transport.pause_reading()

    def _take(self, event: Any) -> None:
        if isinstance(event, h11.Data) and self._inbox is not None:
            self._inbox.feed(event.data)
        elif isinstance(event, h11.EndOfMessage) and self._inbox is not None:
            self._inbox.end()
        elif isinstance(event, h11.Request):
            self._begin(event)

    def _ended(self) -> None:
        """No request follows; an answer that is owed is still given."""
        if self._phase is Phase.READY:
            self._phase = Phase.CLOSED
            self._transport.close()

    def _begin(self, event: h11.Request) -> None:
        self._phase = Phase.BUSY
        self._streaming = False
        self._inbox = self._new_inbox()
        request = _request(event, self._inbox, self._invite, self._peer, self._credentials)
        self._task = asyncio.get_running_loop().create_task(self._serve(request))

    def _new_inbox(self) -> Inbox:
        return Inbox(self._transport.pause_reading, self._transport.resume_reading)

    def _invite(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
            self._transport.write(self._http.send(go_on) or b"")

    def _refuse(self, error: h11.RemoteProtocolError) -> None:
        """Answer what is not HTTP; while a handler works, its body ends with the error instead."""
        if self._phase is Phase.BUSY and self._inbox is not None:
            self._inbox.end(BadBody(str(error)))
            return
        body = f"{error.error_status_hint} {error}\n".encode()
        headers = {"Content-Type": "text/plain; charset=utf-8", "Connection": "close"}
        self._send_response(Response(error.error_status_hint, headers, body), "")
        self._phase = Phase.LINGERING
        self._linger()

    # Answering.

    async def _serve(self, request: Request) -> None:
        try:
            answer = await self._answer(request)
            if isinstance(answer, Response):
                self._send_response(answer, request.method)
                await self._gate.passed()
            elif isinstance(answer, Stream):
                await self._send_stream(answer, request.method)
            elif isinstance(answer, FileBody):
                await self._send_file(answer, request.method)
            else:
                await self._hijack(answer, request)
                return
            await self._finish(request.body)
        except ConnectionError:
            self._transport.abort()
        except Exception:  # noqa: BLE001 - nobody above could tell of it
            _log.exception("the answer to %s %s failed", request.method, request.path)
            self._transport.abort()

    async def _answer(self, request: Request) -> Answer:
        try:
            return await self._handler(request)
        except BadBody as error:
            return Response(400, {"Content-Type": "text/plain"}, f"{error}\n".encode())
        except Exception:  # noqa: BLE001 - the client must get an answer
            _log.exception("the handler of %s %s failed", request.method, request.path)
            return Response(500, {"Content-Type": "text/plain"}, b"Internal Server Error\n")

    def _send_response(self, response: Response, method: str) -> None:
        bodiless = response.status in (204, 304) or response.status < 200
        length = {} if bodiless else {"Content-Length": str(len(response.body))}
        parts = [self._http.send(_head(response.status, {**response.headers, **length}))]
        if response.body and method != "HEAD" and not bodiless:
            parts.append(self._http.send(h11.Data(data=response.body)))
        parts.append(self._http.send(h11.EndOfMessage()))
        self._transport.write(b"".join(part for part in parts if part))

    async def _send_stream(self, stream: Stream, method: str) -> None:
        try:
            self._transport.write(self._http.send(_head(stream.status, stream.headers)) or b"")
            self._streaming = True
            if self._half_closed:
                self._watch_for_hangup()
            if method != "HEAD":
                await self._pump(stream)
            self._transport.write(self._http.send(h11.EndOfMessage()) or b"")
            await self._gate.passed()
        finally:
            close = getattr(stream.chunks, "aclose", None)
            if close is not None:
                await close()

    async def _send_file(self, answer: FileBody, method: str) -> None:
        with answer.file:
            length = {"Content-Length": str(answer.count)}
            head = _head(answer.status, {**answer.headers, **length})
            self._transport.write(self._http.send(head) or b"")
            if method != "HEAD" and answer.count:
                # h11 counts the bytes and returns the object itself instead of copying it, as its
                # manual tells for sendfile(2).
                counted = cast(bytes, _Counted(answer.count))
                self._http.send_with_data_passthrough(h11.Data(data=counted))
                await sendfile.send(self._transport, answer.file, answer.offset, answer.count)
            self._transport.write(self._http.send(h11.EndOfMessage()) or b"")
            await self._gate.passed()

    async def _pump(self, stream: Stream) -> None:
        try:
            async for chunk in stream.chunks:
                if chunk:
                    self._transport.write(self._http.send(h11.Data(data=chunk)) or b"")
                    await self._gate.passed()
        except ConnectionError:
            raise
        except Exception as error:
            # The status line is gone; only a broken body can tell the client.
            _log.exception("a streamed answer failed")
            raise ConnectionAbortedError("the answer could not be completed") from error

    async def _finish(self, body: Body) -> None:
        """Make ready for the next request, or let the connection go."""
        waiting = self._http.they_are_waiting_for_100_continue
        if waiting or not await body.discard(UNREAD_LIMIT):
            self._phase = Phase.LINGERING
            self._linger()
            return
        self._task = self._inbox = None
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            self._phase = Phase.CLOSED
            self._transport.close()
            return
        self._http.start_next_cycle()
        self._phase = Phase.READY
        self._transport.resume_reading()
        self._advance()
        if self._half_closed and self._phase is Phase.READY:
            self._transport.close()

    def _linger(self) -> None:
        if self._half_closed or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._transport.resume_reading()
        self._transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.close)

    async def _hijack(self, hijack: Hijack, request: Request) -> None:
        if not await request.body.discard(UNREAD_LIMIT):
            raise ConnectionAbortedError("a request body stands before the upgrade")
        self._transport.write(_takeover_head(hijack, request))
        early, _ = self._http.trailing_data
        self._phase, self._inbox = Phase.RAW, self._new_inbox()
        if early:
            self._inbox.feed(early)
        if self._half_closed:
            self._inbox.end()
        self._transport.resume_reading()
        await hijack.run(Duplex(self._transport, self._inbox, self._gate))
        self._phase = Phase.LINGERING
        self._linger()

    # The client's disappearance.

    def _watch_for_hangup(self) -> None:
        """Cancel the handler when the client is gone, see `hangup` for what "gone" is."""
        sock = self._transport.get_extra_info("socket")
        if sock is None or self._watch is not None:
            return
        if sock.family == socket.AF_UNIX:
            self._watch = HangupWatch(sock, self.close)
        elif self._streaming:
            self.close()

    def _cancel(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()


class _Counted:
    """Stands for bytes that h11 only has to count."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count


def _credentials(sock: socket.socket) -> Credentials | None:
    if sock.family != socket.AF_UNIX:
        return None
    # struct ucred: pid_t, uid_t, gid_t; (uid_t)-1 where the kernel knows no peer
    found = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, uid, gid = struct.unpack("iII", found)
    return Credentials(pid, uid, gid, _groups(sock)) if uid != _NO_ID else None


def _groups(sock: socket.socket) -> tuple[int, ...]:
    """The peer's supplementary groups; asked again where they are more than usual."""
    for room in (_USUAL_GROUPS, _MOST_GROUPS):
        try:
            found = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, room * _GID.size)
        except OSError as error:
            if error.errno == errno.ERANGE:
                continue
            raise
        return tuple(gid for (gid,) in _GID.iter_unpack(found))
    return ()


def _request(
    event: h11.Request,
    inbox: Inbox,
    invite: Callable[[], None],
    peer: str,
    credentials: Credentials | None,
) -> Request:
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    target = event.target.decode("ascii")
    if not target.startswith("/") and "://" in target:  # absolute form (RFC 9112, 3.2.2)
        target = "/" + target.partition("://")[2].partition("/")[2]
    path, _, query = target.partition("?")
    body = Body(inbox, _body_length(headers), invite)
    version = event.http_version.decode("ascii")
    method = event.method.decode("ascii")
    return Request(method, path, query, version, headers, body, peer, credentials)


def _body_length(headers: Mapping[str, str]) -> int | None:
    if "transfer-encoding" in headers:
        return None
    return int(headers.get("content-length", "0").partition(",")[0])


def _head(status: int, headers: Mapping[str, str]) -> h11.Response:
    lines = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    lines.append((b"Date", http_date()))
    return h11.Response(status_code=status, headers=lines, reason=_REASONS.get(status, b""))


def _takeover_head(hijack: Hijack, request: Request) -> bytes:
    lines = [f"{name}: {value}" for name, value in hijack.headers.items()]
    if request.upgrade:
        lines = [
            "HTTP/1.1 101 UPGRADED",
            *lines,
            "Connection: Upgrade",
            f"Upgrade: {hijack.protocol}",
        ]
    else:
        lines = ["HTTP/1.1 200 OK", *lines]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
