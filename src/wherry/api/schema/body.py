"""Request bodies in JSON, with dockerd's checks and Go's messages."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn, TypeVar

from wherry.errors import Invalid
from wherry.http.message import Request
from wherry.spec.jsondecode import decode

T = TypeVar("T")

MAX_BODY: Final = 64 * 1024 * 1024
"""Bytes of a JSON body: room for tens of megabytes of environment, not for a flood."""

_MEDIA_TYPE: Final = re.compile(r"[\w!#$&^.+-]+(/[\w!#$&^.+-]+)?")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMPLAINTS: Final = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": "looking for beginning of object key "
    "string",
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Illegal trailing comma before end of array": "looking for beginning of value",
    "Expecting ':' delimiter": "after object key",
    "Invalid control character at": "in string literal",
    "Invalid \\escape": "in string escape code",
    f"Invalid \\u{'X' * 4} escape": "in \\u hexadecimal character escape",
}


async def read_json(request: Request) -> Any:
    """Return the body as a JSON value, None when there is none. Raises Invalid or BadBody."""
    check_content_type(request)
    if request.body.empty:
        return None
    return parse_json(await request.body.read(MAX_BODY))


async def read(request: Request, cls: type[T], go: str) -> T:
    """Return the body as a `cls` (see `wherry.spec.jsonfields`); an absent one is all defaults."""
    value = await read_json(request)
    return as_values({} if value is None else value, cls, go)


def as_values(value: Any, cls: type[T], go: str) -> T:
    """Return a JSON value as a `cls`. Raises Invalid, as dockerd says it."""
    try:
        return decode(cls, value, go)
    except Invalid as error:
        raise Invalid(f"invalid JSON: {error.message}") from None


def check_content_type(request: Request) -> None:
    """Raise Invalid unless the body is said to be JSON, or there is none and nothing is said."""
    given = request.headers.get("content-type", "")
    if not given and request.body.empty:
        return
    media_type = given.partition(";")[0].strip()
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise Invalid(f"malformed Content-Type header ({given}): mime: no media type")
    if media_type.lower() != "application/json":
        raise Invalid(f"unsupported Content-Type header ({given}): must be 'application/json'")


def parse_json(body: bytes) -> Any:
    """Return the one JSON value in `body`. Raises Invalid in Go's words."""
    text = body.decode("utf-8", "replace")
    begin = len(text) - len(text.lstrip(" \t\r\n"))
    if begin == len(text):
        raise Invalid("invalid JSON: got EOF while reading request body")
    try:
        value, end = _DECODER.raw_decode(text, begin)
    except json.JSONDecodeError as error:
        raise Invalid(f"invalid JSON: {_complaint(error)}") from None
    except RecursionError:
        raise Invalid("invalid JSON: exceeded max depth") from None
    except ValueError as error:
        raise Invalid(f"invalid JSON: {error}") from None
    if text[end:].strip(" \t\r\n"):
        raise Invalid("unexpected content after JSON")
    return value


def _not_json(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python reads and JSON does not know."""
    raise ValueError(f"invalid character '{name[0]}' looking for beginning of value")


_DECODER: Final = json.JSONDecoder(parse_constant=_not_json)


def _complaint(error: json.JSONDecodeError) -> str:
    """Return what Go's scanner says at the place where Python's gave up."""
    if error.msg.startswith("Unterminated string") or error.pos >= len(error.doc):
        return "unexpected EOF"
    if error.msg == "Expecting ',' delimiter":
        within = _innermost(error.doc[: error.pos])
        where = "after array element" if within == "[" else "after object key:value pair"
    else:
        where = _COMPLAINTS.get(error.msg.removesuffix(": "), "looking for beginning of value")
    return f"invalid character '{error.doc[error.pos]}' {where}"


def _innermost(text: str) -> str:
    """Return the bracket that is open at the end of well-formed JSON cut off."""
    open_ones: list[str] = []
    for character in _STRING.sub("", text):
        if character in "[{":
            open_ones.append(character)
        elif character in "]}":
            open_ones.pop()
    return open_ones[-1]
