"""Whether TCP to the daemon is secured by TLS, and by which files: flags, then the environment.

As docker's command line decides: --tlsverify, WHERRY_TLS_VERIFY or DOCKER_TLS_VERIFY (any text)
verify the daemon; --tls or DOCKER_TLS encrypt without that; the files are named by --tlscacert,
--tlscert and --tlskey, or lie as ca.pem, cert.pem and key.pem in WHERRY_CERT_PATH or
DOCKER_CERT_PATH, else in docker's configuration folder.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.cli.flags import Options

_VERIFY = ("WHERRY_TLS_VERIFY", "DOCKER_TLS_VERIFY")
_FOLDERS = ("WHERRY_CERT_PATH", "DOCKER_CERT_PATH")
_FLAGS = (("tlscacert", "ca.pem"), ("tlscert", "cert.pem"), ("tlskey", "key.pem"))


class TlsFiles:
    """Paths of PEM files; `optional` names those that count only where they exist.

    With `verify` the daemon's certificate must be signed by `authority`.
    """

    __slots__ = ("authority", "certificate", "key", "optional", "verify")

    def __init__(
        self,
        authority: str,
        certificate: str,
        key: str,
        *,
        verify: bool = True,
        optional: frozenset[str] = frozenset(),
    ) -> None:
        self.authority = authority
        self.certificate = certificate
        self.key = key
        self.verify = verify
        self.optional = optional


def choose(options: Options, environ: Mapping[str, str]) -> TlsFiles | None:
    """The files to use, None for no TLS."""
    verify = options.is_given("tlsverify") or any(environ.get(name) for name in _VERIFY)
    if not (verify or options.on("tls") or (environ.get("DOCKER_TLS") and not _off(options))):
        return None
    if options.is_given("tlsverify"):
        # Docker's: --tlsverify=false is TLS without verifying, whatever the environment says.
        verify = options.on("tlsverify")
    folder = _folder(options, environ)
    paths = [options.text(flag) or f"{folder}/{name}" for flag, name in _FLAGS]
    usual = frozenset(f"{folder}/{name}" for flag, name in _FLAGS[1:] if not options.text(flag))
    return TlsFiles(*paths, verify=verify, optional=usual)


def _off(options: Options) -> bool:
    return options.is_given("tls") and not options.on("tls")


def _folder(options: Options, environ: Mapping[str, str]) -> str:
    for name in _FOLDERS:
        if environ.get(name):
            return environ[name]
    from wherry.cli.credentials.configfile import folder

    return options.text("config") or folder(environ)
