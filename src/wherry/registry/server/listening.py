"""Addresses that the registry listens on, and its TLS."""

from __future__ import annotations

import ssl

from wherry.errors import Invalid, Unavailable
from wherry.http.server import Server
from wherry.registry.server.config import Tls


def parse(address: str) -> tuple[str, int]:
    """`host:port`, `[v6]:port` or `:port` (every address). Raises Invalid."""
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise Invalid(f"cannot listen on {address!r}: expected address:port, as 127.0.0.1:5000")
    return host, int(port)


def context(tls: Tls) -> ssl.SSLContext | None:
    """The server's side of TLS, None without a certificate. Raises Invalid."""
    if not tls.certificate:
        return None
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        made.load_cert_chain(tls.certificate, tls.key)
        if tls.client_ca:
            made.load_verify_locations(tls.client_ca)
            made.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise Invalid(f"cannot use the TLS files {tls.certificate}, {tls.key}: {error}") from None
    return made


async def listen(server: Server, addresses: tuple[str, ...], tls: ssl.SSLContext | None) -> None:
    """Listen on all addresses. Raises Invalid, Unavailable."""
    for address in addresses:
        host, port = parse(address)
        try:
            await server.listen_tcp(host, port, tls)
        except OSError as error:
            reason = error.strerror or str(error)
            raise Unavailable(f"cannot listen on {address}: {reason}") from error
