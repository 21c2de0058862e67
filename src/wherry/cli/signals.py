"""Signals of this process, through the C module: `signal` itself brings `enum` along (4 ms)."""

from __future__ import annotations

import _signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SIGINT: int = _signal.SIGINT
SIGPIPE: int = _signal.SIGPIPE
SIGQUIT: int = _signal.SIGQUIT
SIGTERM: int = _signal.SIGTERM
SIGWINCH: int = _signal.SIGWINCH

# Signals that say something to a program and are passed on to a container's process. Not here:
# KILL and STOP (cannot be caught), CHLD, PIPE, URG and WINCH (about this process alone), and the
# ones that mean this process is broken.
_FORWARDED = (
    "HUP",
    "INT",
    "QUIT",
    "USR1",
    "USR2",
    "ALRM",
    "TERM",
    "CONT",
    "TSTP",
    "TTIN",
    "TTOU",
    "IO",
    "PWR",
)


def use_default(number: int) -> None:
    """Let the kernel's default action apply."""
    _signal.signal(number, _signal.SIG_DFL)


def catch(number: int, handler: Callable[[], None]) -> None:
    """Call `handler` in the main thread, between two Python instructions, when it arrives."""
    _signal.signal(number, lambda *_: handler())


def forward_all(send: Callable[[str], None]) -> None:
    """Catch every signal that can be passed on; `send` gets its name (`TERM`)."""
    for name in _FORWARDED:
        number = getattr(_signal, f"SIG{name}")
        catch(number, lambda name=name: send(name))  # type: ignore[misc]


def stop_forwarding() -> None:
    """Give every signal that `forward_all` caught its default action back."""
    for name in _FORWARDED:
        use_default(getattr(_signal, f"SIG{name}"))
