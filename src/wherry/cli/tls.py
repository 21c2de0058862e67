"""TLS for the client: what looks like a socket to `Connection` and `Session`.

OpenSSL works on buffers in memory, since the standard library's own socket takes no flags (a
closed connection would end us by SIGPIPE) and ends both directions at once: here `shutdown` sends
a close_notify alert and reading goes on (RFC 8446, 6.1), as docker's command line does it.
"""

from __future__ import annotations

import errno
import os
import ssl

from wherry.cli.failures import Failure, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from wherry.cli.tlsfiles import TlsFiles

_RECEIVE_SIZE = 1 << 18
_PIECE = 1 << 16
_NO_SIGNAL = 0x4000  # MSG_NOSIGNAL
_SHUT_READ = 0


class TlsSocket:
    """The encrypted side of a connected socket, which it owns.

    Raises `Unreachable` when either side refuses the other, `Failure` for bad files.
    """

    def __init__(self, raw: _socket.socket, name: str, files: TlsFiles) -> None:
        self._raw = raw
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._waiting = bytearray()
        self._accepted = 0
        try:
            self._tls = _context(files).wrap_bio(
                self._incoming, self._outgoing, server_hostname=name
            )
            self._shake()
        except BaseException:
            raw.close()
            raise

    def sendall(self, data: bytes, flags: int = 0) -> None:
        """Encrypt and send everything."""
        self._encrypt(data)
        self._raw.sendall(self._take_waiting(), flags)

    def send(self, data: bytes, flags: int = 0) -> int:
        """Bytes of `data` that were sent; the same data comes again behind a 0.

        BlockingIOError when the socket takes nothing and the flags say not to wait.
        """
        if not self._accepted:
            self._encrypt(data[:_PIECE])
            self._accepted = len(data[:_PIECE])
        while self._waiting:
            sent = self._raw.send(self._waiting, flags)
            del self._waiting[:sent]
        accepted, self._accepted = self._accepted, 0
        return accepted

    def recv(self, size: int) -> bytes:
        """What came next, b"" at the end; more than `size` where more was decrypted.

        Nothing stays behind decrypted, so that poll(2) on `fileno` tells the truth. An end without
        close_notify is ConnectionResetError: something may have been cut off.
        """
        while True:
            data, ended = self._decrypt()
            if ended and data:
                self._raw.shutdown(_SHUT_READ)  # poll(2) tells of the end at once
            if data or ended:
                return data
            self._receive()

    def shutdown(self, how: int) -> None:
        """End our direction (the only `how` there is); reading goes on."""
        try:  # noqa: SIM105
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # the other side has not ended its direction, as is meant
        self._raw.sendall(self._take_waiting(), _NO_SIGNAL)

    def close(self) -> None:
        """End the connection."""
        self._raw.close()

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._raw.fileno()

    def _shake(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._raw.sendall(self._take_waiting(), _NO_SIGNAL)
            except ssl.SSLError as error:
                self._raw.sendall(self._take_waiting(), _NO_SIGNAL)
                raise _refused(error) from None
            self._receive()
        self._raw.sendall(self._take_waiting(), _NO_SIGNAL)

    def _encrypt(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.write(rest) :]
        self._waiting += self._outgoing.read()

    def _take_waiting(self) -> bytes:
        taken = bytes(self._waiting) + self._outgoing.read()
        self._waiting.clear()
        return taken

    def _receive(self) -> None:
        piece = self._raw.recv(_RECEIVE_SIZE)
        if not piece:
            raise ConnectionResetError(errno.ECONNRESET, "the daemon broke the connection off")
        self._incoming.write(piece)

    def _decrypt(self) -> tuple[bytes, bool]:
        """Everything that can be decrypted, and whether the other side said that it ends."""
        pieces = []
        try:
            while piece := self._tls.read(_RECEIVE_SIZE):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            return b"".join(pieces), False
        except ssl.SSLZeroReturnError:
            pass  # the same end, told so when both directions have ended
        except ssl.SSLError as error:
            raise _refused(error) from None
        return b"".join(pieces), True


def _context(files: TlsFiles) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if files.verify:
        try:
            made.load_verify_locations(files.authority)
        except OSError as error:
            raise _unreadable("CA certificate", files.authority, error) from None
    else:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    # Docker's: a pair in the usual place is used if it is there.
    if any(path in files.optional and not os.path.exists(path) for path in _pair(files)):
        return made
    try:
        made.load_cert_chain(*_pair(files))
    except OSError as error:
        raise _unreadable("X509 key pair", " and ".join(_pair(files)), error) from None
    return made


def _pair(files: TlsFiles) -> tuple[str, str]:
    return files.certificate, files.key


def _unreadable(what: str, path: str, error: OSError) -> Failure:
    return Failure(f"could not read {what} {path}: {(error.strerror or str(error)).lower()}")


def _refused(error: ssl.SSLError) -> Unreachable:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"tls: failed to verify the daemon's certificate: {error.verify_message}"
        return Unreachable(f"error during connect: {why} (is --tlscacert its CA?)")
    reason = (error.reason or str(error)).replace("_", " ").lower()
    if reason in ("wrong version number", "record layer failure"):
        return Unreachable("error during connect: the daemon does not speak TLS at this address")
    if "alert" in reason:
        reason = f"the daemon refused us: {reason.rpartition('alert ')[2]}"
        reason += " (are --tlscert and --tlskey signed by the CA that it trusts?)"
    return Unreachable(f"error during connect: tls: {reason}")
