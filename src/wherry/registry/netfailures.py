"""Failures of the network in our kinds, said so that people know what to do; the one border.

Unavailable            no use to try again: unknown host, certificate not trusted, TLS refused
Temporary              a connection that broke, or stayed silent
  Unreachable          ... before it was one: refused, timed out, no TLS at the other end
"""

from __future__ import annotations

import http.client
import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from wherry.errors import Unavailable
from wherry.registry.cancellation import Cancelled
from wherry.registry.refusals import Temporary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.registry.cancellation import Cancellation

_NOT_TLS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
)
_FAILURES: Final = (OSError, http.client.HTTPException, EOFError, ValueError)


class Unreachable(Temporary):
    """No connection came about."""


@contextmanager
def translated(place: str, cancellation: Cancellation) -> Iterator[None]:
    """Failures of an established connection to `place`; whatever breaks after cancel is that."""
    try:
        yield
    except _FAILURES as error:
        if cancellation.cancelled:
            raise Cancelled from error
        raise _broken(place, error) from error


@contextmanager
def connecting(place: str, cancellation: Cancellation) -> Iterator[None]:
    """Failures while a connection to `place` is made."""
    try:
        yield
    except _FAILURES as error:
        if cancellation.cancelled:
            raise Cancelled from error
        raise _refused(place, error) from error


def _broken(place: str, error: Exception) -> Unavailable:
    if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
        return _tls_refused(place, error)
    if isinstance(error, TimeoutError):
        return Temporary(f"{place} stayed silent for too long")
    if isinstance(error, http.client.HTTPException | ValueError) and not isinstance(
        error, http.client.RemoteDisconnected | http.client.IncompleteRead
    ):
        return Temporary(f"{place} answered what is no HTTP: {_reason(error)}")
    return Temporary(f"the connection to {place} broke: {_reason(error)}")


def _refused(place: str, error: Exception) -> Unavailable:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unavailable(
            f"the certificate of {place} is not trusted: {error.verify_message}",
            hint="put its authority's certificate into /etc/wherry/certs.d/HOST:PORT/ca.crt,"
            " or list the registry in insecure-registries of the daemon's settings",
        )
    if isinstance(error, ssl.SSLError) and error.reason in _NOT_TLS:
        return Unreachable(
            f"{place} speaks HTTP, not HTTPS",
            hint="list the registry in insecure-registries of the daemon's settings",
        )
    if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
        return _tls_refused(place, error)
    if isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN:
        return Unavailable(f"cannot reach {place}: no such host")
    if isinstance(error, TimeoutError):
        return Unreachable(f"cannot reach {place}: it does not answer")
    return Unreachable(f"cannot reach {place}: {_reason(error)}")


def _tls_refused(place: str, error: ssl.SSLError) -> Unavailable:
    return Unavailable(
        f"{place} refused the TLS handshake: {_reason(error)}",
        hint="it may want a client certificate: /etc/wherry/certs.d/HOST:PORT/client.cert and .key",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, http.client.RemoteDisconnected | EOFError | http.client.IncompleteRead):
        return "closed by the other end"
    return str(error) or type(error).__name__
