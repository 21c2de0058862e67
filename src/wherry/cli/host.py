"""Where the daemon is: `-H`, then WHERRY_HOST, then DOCKER_HOST, then this machine's own socket."""

from __future__ import annotations

from wherry.cli.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.cli.tlsfiles import TlsFiles

DEFAULT_EXEC_ROOT = "/run/wherry"
_TCP_PORT = 2375
_TLS_PORT = 2376


class Host:
    """An address: a socket's path, or a name and a port.

    `own` is true for the default socket of this machine, where a missing daemon is started. `tls`
    is None for a plain connection.
    """

    __slots__ = ("address", "own", "text", "tls")

    def __init__(
        self,
        text: str,
        address: str | tuple[str, int],
        *,
        own: bool = False,
        tls: TlsFiles | None = None,
    ) -> None:
        self.text = text
        self.address = address
        self.own = own
        self.tls = tls


def default_text(environ: Mapping[str, str]) -> str:
    """The default socket: beside the exec root, so that several engines do not collide."""
    exec_root = environ.get("WHERRY_EXEC_ROOT") or DEFAULT_EXEC_ROOT
    return f"unix://{exec_root.rstrip('/')}.sock"


def choose(given: list[str], environ: Mapping[str, str], tls: TlsFiles | None = None) -> Host:
    """The host to talk to. Raises `Failure` for an address of no known kind."""
    if len(given) > 1:
        raise Failure("specify only one -H", 1)
    default = default_text(environ)
    text = (given and given[0]) or environ.get("WHERRY_HOST") or environ.get("DOCKER_HOST")
    return parse(text or default, own=not text or text == default, tls=tls)


def parse(text: str, *, own: bool = False, tls: TlsFiles | None = None) -> Host:
    """`unix:///path` or `tcp://name[:port]`, as docker spells them; `tls` is for tcp only."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = ("unix", text) if text.startswith("/") else ("tcp", text)
    if scheme == "unix" and rest:
        return Host(f"unix://{rest}", rest, own=own)
    if scheme in ("tcp", "http"):
        port = _TLS_PORT if tls else _TCP_PORT
        return Host(f"tcp://{rest}", _name_and_port(text, rest.rstrip("/"), port), tls=tls)
    if scheme in ("ssh", "npipe", "fd", "https"):
        raise Failure(f"cannot use {text}: wherry reaches a daemon over unix:// or tcp:// only")
    raise Failure(f"unable to parse docker host `{text}`")


def _name_and_port(text: str, rest: str, usual: int) -> tuple[str, int]:
    name, colon, port = rest.rpartition(":")
    if not colon or rest.endswith("]"):
        name, port = rest, str(usual)
    if not port.isdigit() or int(port) > 65535:
        raise Failure(f"unable to parse docker host `{text}`")
    return name.strip("[]") or "127.0.0.1", int(port)
