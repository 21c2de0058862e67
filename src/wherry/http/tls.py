"""TLS below a connection, with each direction closed by itself.

asyncio's own TLS ends both directions when the peer ends one. `docker exec -i` over TLS says by a
close_notify alert that standard input is over, and then reads the output: RFC 8446, 6.1, allows
exactly that. Here OpenSSL works on buffers in memory and the connection sees a transport whose
`write_eof` is that alert. A FIN without or behind the alert means that the peer is gone.

This module imports ssl, so it is itself imported only by who serves TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from typing import Any, Final, cast

HANDSHAKE_SECONDS: Final = 30.0
LINGER_SECONDS: Final = 2.0
"""How long a refused peer may take to read why: closing at once could reset the alert away."""
READ_SIZE: Final = 256 * 1024
_HANDSHAKE_RECORD: Final = 0x16
_PLAIN_HTTP: Final = (
    b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Connection: close\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
)

_log = logging.getLogger(__name__)


def server_context(certificate: str, key: str, client_authority: str = "") -> ssl.SSLContext:
    """The server's side of TLS 1.2 and later; with an authority, clients must show a certificate.

    Raises OSError, and ssl.SSLError, which is one, for files that do not serve.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    made.num_tickets = 0
    made.load_cert_chain(certificate, key)
    if client_authority:
        made.load_verify_locations(client_authority)
        made.verify_mode = ssl.CERT_REQUIRED
    return made


class TlsLayer(asyncio.Protocol):
    """Stands between a socket's transport and the protocol `inner`, which sees plain bytes."""

    def __init__(self, context: ssl.SSLContext, inner: asyncio.Protocol) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._inner = inner
        self._begun = self._shaken = self._refused = self._ended = self._said_end = False
        self._timer: asyncio.TimerHandle | None = None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; the handshake has a limit of time."""
        self._raw = cast(asyncio.Transport, transport)
        self._close_in(HANDSHAKE_SECONDS)
        self._inner.connection_made(TlsTransport(self, self._raw))

    def data_received(self, data: bytes) -> None:
        """Decrypt, and hand on what came out."""
        if self._refused:
            return
        if not self._begun and data[0] != _HANDSHAKE_RECORD:
            self._refuse("the client does not speak TLS", answer=_PLAIN_HTTP)
            return
        self._begun = True
        self._incoming.write(data)
        try:
            if not self._shaken:
                self._tls.do_handshake()
                self._stop_timer()
                self._shaken = True
            self._hand_on()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._refuse(str(error))
        self._flush()

    def eof_received(self) -> bool:
        """A FIN: nobody is there any more, see the top of the module."""
        return False

    def pause_writing(self) -> None:
        """Pass on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass on."""
        self._inner.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Pass on."""
        self._stop_timer()
        self._inner.connection_lost(error)

    # What the transport of the inner protocol calls.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        if self._said_end or not self._shaken or self._raw.is_closing():
            return
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.write(rest) :]
        self._flush()

    def end(self) -> None:
        """Send close_notify once; reading goes on."""
        if self._said_end or not self._shaken or self._refused:
            return
        self._said_end = True
        # Wants to read: the peer has not said the same yet, which is what half-closed means.
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._flush()

    # Inside.

    def _hand_on(self) -> None:
        """Everything that is decrypted. Raises ssl.SSLWantReadError at the end of it."""
        while not self._raw.is_closing() and not self._ended:
            data = self._decrypted()
            if data:
                self._inner.data_received(data)
            else:
                self._ended = True
                if not self._inner.eof_received():
                    self.end()
                    self._raw.close()

    def _decrypted(self) -> bytes:
        try:
            return self._tls.read(READ_SIZE)
        except ssl.SSLZeroReturnError:
            return b""  # the same end, told so when both directions have ended

    def _refuse(self, reason: str, answer: bytes = b"") -> None:
        """Tell the peer why (OpenSSL has the alert ready) and let it read that."""
        address = self._raw.get_extra_info("peername")
        _log.warning("refused a connection from %s: %s", address[0] if address else "?", reason)
        if self._shaken:
            self._flush()
            self._raw.close()
            return
        self._refused = True
        if answer:
            self._raw.write(answer)
        else:
            self._flush()
        self._raw.write_eof()
        self._close_in(LINGER_SECONDS)

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._raw.write(self._outgoing.read())

    def _close_in(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._raw.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class TlsTransport(asyncio.Transport):
    """The plain side of a `TlsLayer`; whatever is not about bytes is the socket's transport."""

    def __init__(self, layer: TlsLayer, raw: asyncio.Transport) -> None:
        super().__init__()
        self._layer = layer
        self._raw = raw

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send; what the socket does not take is kept."""
        self._layer.write(data)

    def can_write_eof(self) -> bool:
        """It can: by an alert."""
        return True

    def write_eof(self) -> None:
        """End our direction; reading goes on."""
        self._layer.end()

    def close(self) -> None:
        """End both directions when all is sent."""
        if not self._raw.is_closing():
            self._layer.end()
            self._raw.close()

    def abort(self) -> None:
        """End at once; the peer sees that something was cut off."""
        self._raw.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or about to be."""
        return self._raw.is_closing()

    def pause_reading(self) -> None:
        """Stop taking bytes from the socket; what is decrypted already still comes."""
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Take bytes again."""
        self._raw.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See asyncio; counted in encrypted bytes."""
        self._raw.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Encrypted bytes that wait."""
        return self._raw.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Facts of the socket."""
        return self._raw.get_extra_info(name, default)
