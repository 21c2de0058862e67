"""Questions on the terminal, secrets without echo."""

from __future__ import annotations

import os
import termios

from wherry.cli.failures import Failure
from wherry.cli.output import STDOUT, write_text
from wherry.cli.signals import SIGINT, catch, use_default

_STDIN = 0
_LOCAL = 3  # position of the local modes in what tcgetattr gives
_LINE = 1 << 16
_INTERRUPTED = 130


def ask(question: str) -> str:
    """A line that the person types, without the white space around it."""
    write_text(STDOUT, question)
    return _line().strip()


def ask_secret(question: str) -> str:
    """A line that is typed without being shown. ^C ends the command with the echo back on."""
    before = termios.tcgetattr(_STDIN)
    quiet = termios.tcgetattr(_STDIN)
    quiet[_LOCAL] &= ~termios.ECHO
    catch(SIGINT, _interrupted)
    try:
        termios.tcsetattr(_STDIN, termios.TCSADRAIN, quiet)
        write_text(STDOUT, question)
        return _line().rstrip("\r\n")
    finally:
        termios.tcsetattr(_STDIN, termios.TCSADRAIN, before)
        use_default(SIGINT)
        write_text(STDOUT, "\n")


def read_secret() -> str:
    """Everything on standard input, without the line end behind it."""
    pieces = []
    while piece := os.read(_STDIN, _LINE):
        pieces.append(piece)
    text = b"".join(pieces).decode("utf-8", "surrogateescape")
    return text.removesuffix("\n").removesuffix("\r")


def _line() -> str:
    return os.read(_STDIN, _LINE).decode("utf-8", "surrogateescape")


def _interrupted() -> None:
    raise Failure("", _INTERRUPTED)
