"""How TCP addresses of the API are secured: flags and keys as dockerd's, and one of our own.

A TCP address that other machines reach is root on this one, so without verified clients it needs
`--insecure-tcp` beside it (docs/decisions/200-tcp-needs-tls.md).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wherry.daemon.settingrow import Row
from wherry.errors import Invalid

if TYPE_CHECKING:
    import ssl

PART: Final = "tls"
_FOLDER: Final = "/etc/wherry"

_log = logging.getLogger(__name__)

ROWS: Final = (
    Row("tls", ("--tls",), "tls", "use TLS on tcp addresses", type=bool, part=PART),
    Row(
        "verify",
        ("--tlsverify",),
        "tlsverify",
        "use TLS on tcp addresses and demand a client certificate",
        type=bool,
        part=PART,
    ),
    Row("authority", ("--tlscacert",), "tlscacert", "trust clients signed by this CA", part=PART),
    Row("certificate", ("--tlscert",), "tlscert", "TLS certificate of the daemon", part=PART),
    Row("key", ("--tlskey",), "tlskey", "key of the certificate", part=PART),
    Row(
        "insecure_tcp",
        ("--insecure-tcp",),
        "insecure-tcp",
        "let whoever reaches a tcp address be root here: no client certificates",
        type=bool,
        part=PART,
    ),
)


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """`verify` includes `tls`; the files are PEM, `authority` counts with `verify` only."""

    tls: bool = False
    verify: bool = False
    authority: str = f"{_FOLDER}/ca.pem"
    certificate: str = f"{_FOLDER}/cert.pem"
    key: str = f"{_FOLDER}/key.pem"
    insecure_tcp: bool = False

    @property
    def encrypted(self) -> bool:
        """Whether TCP speaks TLS."""
        return self.tls or self.verify

    def context(self) -> ssl.SSLContext | None:
        """The server's side of TLS, None without TLS. Raises Invalid for bad files."""
        if not self.encrypted:
            return None
        from wherry.http.tls import server_context

        try:
            return server_context(self.certificate, self.key, self.authority if self.verify else "")
        except OSError as error:  # ssl.SSLError is one
            files = f"{self.certificate} and {self.key}"
            raise Invalid(
                f"cannot use the TLS files {files}"
                + (f" with the CA {self.authority}" if self.verify else "")
                + f": {error.strerror or error}",
                hint="name them with --tlscert, --tlskey and --tlscacert",
            ) from None


class TlsFiles:
    """The TLS of connections to come; `reload` reads the files again, after a renewal."""

    def __init__(self, settings: TlsSettings, context: ssl.SSLContext) -> None:
        self._settings = settings
        self._context = context

    def __call__(self) -> ssl.SSLContext:
        """What the next connection is served with."""
        return self._context

    def reload(self) -> None:
        """Read the files again; bad ones are told of, and the old ones stay in use."""
        try:
            self._context = self._settings.context() or self._context
        except Invalid as error:
            _log.error("the TLS files were not read again: %s", error)
        else:
            _log.info("the TLS files were read again")


def settings(given: Mapping[str, Any]) -> TlsSettings:
    """The settings from the options' values."""
    return TlsSettings(**given)
