"""Signal names and numbers as Docker's clients write them: "KILL", "SIGHUP", "9", "RTMIN+3"."""

from __future__ import annotations

import signal

from wherry.errors import Invalid

SIGRTMIN, SIGRTMAX = int(signal.SIGRTMIN), int(signal.SIGRTMAX)

_NUMBERS = {each.name: int(each) for each in signal.Signals if each.name.startswith("SIG")}
_NUMBERS |= {f"SIGRTMIN+{n}": SIGRTMIN + n for n in range(1, 16)}
_NUMBERS |= {f"SIGRTMAX-{n}": SIGRTMAX - n for n in range(1, 15)}
_NUMBERS |= {"SIGCLD": int(signal.SIGCHLD), "SIGIOT": int(signal.SIGABRT)}


def parse(text: str) -> int:
    """The number of a signal. Raises Invalid for one that does not exist, 0 included."""
    number = _number(text.strip())
    if not 0 < number <= SIGRTMAX:
        raise Invalid(f"Invalid signal: {text}", hint="see `kill -l` for the names")
    return number


def _number(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text[:6])
    name = text.upper()
    return _NUMBERS.get(name if name.startswith("SIG") else f"SIG{name}", 0)
