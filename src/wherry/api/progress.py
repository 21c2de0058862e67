"""News of a long operation as a stream of JSON objects ("jsonmessage")."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from wherry.api.answers import JSON, json_bytes
from wherry.api.status import error_message
from wherry.engine.values.images import Progress
from wherry.errors import WherryError
from wherry.http.body import BadBody
from wherry.http.message import Stream

_BAR: Final = 50


async def progress_stream(news: AsyncIterator[Progress], *, early_status: bool) -> Stream:
    """Return the answer.

    With `early_status` it waits for the first piece, so that what fails before gets a status of its
    own; otherwise (`load` of dockerd) every failure is told in the stream.
    """
    first = await anext(news, None) if early_status else None
    return Stream(200, JSON, _lines(first, news))


async def _lines(first: Progress | None, news: AsyncIterator[Progress]) -> AsyncIterator[bytes]:
    try:
        if first is not None:
            yield _line(message(first))
        async for piece in news:
            yield _line(message(piece))
    except (WherryError, BadBody, OSError) as error:
        yield _line(_failure(error_message(error)))
    finally:
        close = getattr(news, "aclose", None)
        if close is not None:
            await close()


def _line(value: dict[str, Any]) -> bytes:
    return json_bytes(value)[:-1] + b"\r\n"


def _failure(text: str) -> dict[str, Any]:
    return {"errorDetail": {"message": text}, "error": text}


def message(piece: Progress) -> dict[str, Any]:
    """Return one piece in Docker's keys; what is not said is left out."""
    if piece.error:
        return _failure(piece.error)
    said: dict[str, Any] = {"stream": piece.stream, "status": piece.status, "id": piece.id}
    shown = {key: value for key, value in said.items() if value}
    if piece.current is not None:
        detail = {"current": piece.current, "total": piece.total}
        shown["progressDetail"] = {key: value for key, value in detail.items() if value}
        shown["progress"] = bar(piece.current, piece.total)
    elif piece.status:
        shown["progressDetail"] = {}
    if piece.aux is not None:
        shown["aux"] = dict(piece.aux)
    return shown


def bar(current: int, total: int | None) -> str:
    """Return "[====>    ]  1.2MB/3MB" for clients that print it as it is."""
    if not total or current > total:
        return human_size(current)
    filled = current * _BAR // total
    arrow = "=" * filled + ">" if filled < _BAR else "=" * _BAR + ">"
    return f"[{arrow:<{_BAR}}] {human_size(current):>8}/{human_size(total)}"


def human_size(size: float) -> str:
    """Return bytes with four significant digits in decimal units, as Docker prints them."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000:
            return f"{size:.4g}{unit}"
        size /= 1000
    return f"{size:.4g}PB"
