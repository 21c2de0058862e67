"""What `run`, `start`, `attach` and `exec` share: the terminal, the streams, the signals."""

from __future__ import annotations

from wherry.cli.detachkeys import parse_keys
from wherry.cli.each import container_path
from wherry.cli.failures import STATUS_CANNOT_RUN, Failure
from wherry.cli.output import STDOUT, is_terminal
from wherry.cli.resize import follow_size
from wherry.cli.session import STDIN, Session
from wherry.cli.signals import forward_all
from wherry.cli.terminal import RawTerminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.cli.api import Api, Pending
    from wherry.cli.http import Connection

DETACHED = "read escape sequence"


def check_terminal(*, stdin: bool, terminal: bool) -> None:
    """A terminal inside wants one outside to type on. Raises `Failure`."""
    if stdin and terminal and not is_terminal(STDIN):
        raise Failure("the input device is not a TTY")


def converse(
    api: Api,
    connection: Connection,
    target: str,
    *,
    stdin: bool,
    terminal: bool,
    keys: str,
    redraw: bool = False,
    begin: Callable[[], None] | None = None,
) -> bool:
    """Join our streams to the container's until it ends; True when the user detached.

    `target` is what to resize. `begin` is called once the terminal is ready: it starts the
    process, so that nothing typed early is echoed twice. `redraw` asks a program that is
    already there to show itself.
    """
    raw = RawTerminal(STDIN) if stdin and terminal and is_terminal(STDIN) else None
    # Detach keys belong to a terminal: in a pipe the same bytes are data.
    looked_for = parse_keys(keys) if raw else b""
    session = Session(connection, stdin=stdin, terminal=terminal, keys=looked_for)
    try:
        if begin:
            begin()
        if terminal and is_terminal(STDOUT):
            follow_size(api, target, redraw=redraw)
        session.run()
    finally:
        if raw:
            raw.restore()
        connection.close()
    return session.detached


def forward_signals(api: Api, container: str) -> None:
    """Pass on every signal that this process gets to the container."""

    def send(name: str) -> None:
        try:  # noqa: SIM105
            api.begin("POST", container_path(container, "kill"), {"signal": name}).result()
        except Failure:
            pass  # it has just ended, or has not started: nobody to tell

    forward_all(send)


def exit_status(waiting: Pending) -> int:
    """The container's exit status, once the daemon tells it."""
    try:
        result = waiting.result()
    except Failure as failure:
        raise Failure(
            f"Error waiting for container: {failure.message}", STATUS_CANNOT_RUN
        ) from None
    error = (result.get("Error") or {}).get("Message")
    if error:
        raise Failure(f"Error waiting for container: {error}", STATUS_CANNOT_RUN)
    return int(result["StatusCode"])
