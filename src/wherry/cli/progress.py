"""The daemon's progress messages: one JSON object each, with `status`, `stream` or `error`.

On a terminal every layer has a line of its own that is drawn over; elsewhere only lines that
say something new are printed.
"""

from __future__ import annotations

import time

from wherry.cli.failures import Failure
from wherry.cli.output import is_terminal, write_text
from wherry.cli.terminal import window_size
from wherry.cli.units import size
from wherry.jsontext import decode_first

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

_BAR_WIDTH = 50
_SHORTEST_BAR = 10
_BESIDE_BAR = 62  # columns that everything but the bar may need
_COLUMNS = 80


def show_messages(pieces: Iterable[bytes], fd: int, *, quiet: bool = False) -> list[Any]:
    """Print messages as they come to `fd`; the `aux` objects among them are returned.

    Raises `Failure` with the text of an error message.
    """
    display = _Display(fd)
    found: list[Any] = []
    for message in messages(pieces):
        if "error" in message or "errorDetail" in message:
            detail = message.get("errorDetail") or {}
            raise Failure(str(detail.get("message") or message.get("error")))
        if "aux" in message:
            found.append(message["aux"])
        elif not quiet:
            display.show(message)
    return found


def messages(pieces: Iterable[bytes]) -> Iterator[Any]:
    """The JSON objects of a stream that may cut them anywhere; they end with line ends."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield from _objects(line)
    yield from _objects(rest)


def _objects(line: bytes) -> Iterator[Any]:
    text = line.decode("utf-8", "replace").strip()
    position = 0
    while position < len(text):
        value, position = decode_first(text, position)
        yield value


class _Speed:
    """Bytes a second of one part, over the time since its state last changed."""

    __slots__ = ("_bytes", "_since", "_status")

    def __init__(self) -> None:
        self._status = ""
        self._since = 0.0
        self._bytes = 0

    def text(self, status: str, current: int) -> str:
        """`  12.3MB/s`, or nothing before there is something to tell."""
        now = time.monotonic()
        if status != self._status or current < self._bytes:
            self._status, self._since, self._bytes = status, now, current
        passed = now - self._since
        return f"  {size((current - self._bytes) / passed, 3)}/s" if passed >= 1 else ""


class _Display:
    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._moves = is_terminal(fd)
        self._rows: list[str] = []
        self._speeds: dict[str, _Speed] = {}

    def show(self, message: Any) -> None:
        """Print one message where it belongs."""
        name, status = str(message.get("id", "")), str(message.get("status", ""))
        detail = message.get("progressDetail") or {}
        bar = progress_text(detail, _bar_width(self._fd) if self._moves else 0)
        if "stream" in message:
            write_text(self._fd, str(message["stream"]))
        elif not self._moves:
            if not bar:
                prefix = f"{name}: " if name else ""
                write_text(self._fd, f"{prefix}{status}\n")
        else:
            speed = self._speeds.setdefault(name, _Speed())
            rate = speed.text(status, int(detail.get("current") or 0)) if bar else ""
            self._draw(name, f"{status} {bar}{rate}".rstrip())

    def _draw(self, name: str, text: str) -> None:
        if not name:
            write_text(self._fd, f"{text}\n")
            self._rows.clear()  # lines above this one are no longer ours to draw over
            return
        if name not in self._rows:
            self._rows.append(name)
            write_text(self._fd, "\n")
        up = len(self._rows) - self._rows.index(name)
        columns = window_size(self._fd)[1] or _COLUMNS
        line = f"{name}: {text}"[: columns - 1]  # a line that wraps could not be drawn over
        write_text(self._fd, f"\x1b[{up}A\r\x1b[2K{line}\x1b[{up}B\r")


def _bar_width(fd: int) -> int:
    """How long a bar leaves room for id, state, numbers and speed."""
    columns = window_size(fd)[1] or _COLUMNS
    return max(min(columns - _BESIDE_BAR, _BAR_WIDTH), 0)


def progress_text(detail: Any, width: int = _BAR_WIDTH) -> str:
    """`[=====>      ]  1.2MB/3.4MB` from the API's progressDetail, "" when it says nothing.

    `width` is that of the bar; one below 10 is left out.
    """
    current, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
    if not current and not total:
        return ""
    if current > total or not total:
        return f"{size(current, 4):>8}"
    numbers = f"{size(current, 4):>8}/{size(total, 4)}"
    if width < _SHORTEST_BAR:
        return numbers
    done = current * width // total
    bar = "=" * done + (">" if done < width else "")
    return f"[{bar:<{width}}] {numbers}"
