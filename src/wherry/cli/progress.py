"""The daemon's progress messages: one JSON object each, with `status`, `stream` or `error`.

On a terminal every layer has a line of its own that is drawn over; elsewhere only lines that
say something new are printed.
"""

from __future__ import annotations

from wherry.cli.failures import Failure
from wherry.cli.jsontext import decode_first
from wherry.cli.output import is_terminal, write_text
from wherry.cli.units import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

_BAR_WIDTH = 50


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


class _Display:
    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._moves = is_terminal(fd)
        self._rows: list[str] = []

    def show(self, message: Any) -> None:
        """Print one message where it belongs."""
        name = str(message.get("id", ""))
        bar = progress_text(message.get("progressDetail") or {})
        if "stream" in message:
            write_text(self._fd, str(message["stream"]))
        elif not self._moves:
            if not bar:
                prefix = f"{name}: " if name else ""
                write_text(self._fd, f"{prefix}{message.get('status', '')}\n")
        else:
            self._draw(name, f"{message.get('status', '')} {bar}".rstrip())

    def _draw(self, name: str, text: str) -> None:
        if not name:
            write_text(self._fd, f"{text}\n")
            self._rows.clear()  # lines above this one are no longer ours to draw over
            return
        if name not in self._rows:
            self._rows.append(name)
            write_text(self._fd, "\n")
        up = len(self._rows) - self._rows.index(name)
        write_text(self._fd, f"\x1b[{up}A\r\x1b[2K{name}: {text}\x1b[{up}B\r")


def progress_text(detail: Any) -> str:
    """`[=====>      ]  1.2MB/3.4MB` from the API's progressDetail, "" when it says nothing."""
    current, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
    if not current and not total:
        return ""
    if current > total or not total:
        return f"{size(current, 4):>8}"
    done = current * _BAR_WIDTH // total
    bar = "=" * done + (">" if done < _BAR_WIDTH else "")
    return f"[{bar:<{_BAR_WIDTH}}] {size(current, 4):>8}/{size(total, 4)}"
