"""Template text into pieces, and actions into tokens (Go's text/template, "Text and spaces")."""

from __future__ import annotations

from wherry.cli.templates.errors import TemplateFailure, line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "'": "'",
}
_HEX_LENGTH = {"x": 2, "u": 4, "U": 8}
_SPACE = " \t\r\n"


class Token:
    """A token of an action: kind "text" (outside of actions), "word", "field", "variable",
    "string", "number", "char" or the sign itself; its text or value; and where it stands."""

    __slots__ = ("end", "kind", "offset", "value")

    def __init__(self, kind: str, value: str, offset: int, end: int) -> None:
        self.kind = kind
        self.value = value
        self.offset = offset
        self.end = end


def pieces(source: str) -> Iterator[tuple[bool, str, int]]:
    """(is action, text, offset of the text) in order; trim markers applied, comments dropped."""
    position, trim_next = 0, False
    while True:
        start = source.find("{{", position)
        text = source[position:] if start < 0 else source[position:start]
        if trim_next:
            text = text.lstrip(_SPACE)
        trim_before = start >= 0 and _trims_left(source, start)
        yield False, text.rstrip(_SPACE) if trim_before else text, position
        if start < 0:
            return
        inner = start + (3 if trim_before else 2)
        end = _action_end(source, inner)
        trim_next = end > inner and source[end - 1] == "-" and source[end - 2] in _SPACE
        action = source[inner : end - 1 if trim_next else end]
        if not action.strip(_SPACE).startswith("/*"):
            yield True, action, inner
        position = end + 2


def _trims_left(source: str, start: int) -> bool:
    return source[start + 2 : start + 3] == "-" and source[start + 3 : start + 4] in _SPACE


def _action_end(source: str, position: int) -> int:
    if source[position:].lstrip(_SPACE).startswith("/*"):
        end = source.find("*/", position)
        close = source.find("}}", end) if end >= 0 else -1
        if close < 0:
            raise TemplateFailure(f"{line(source, position)}: unclosed comment")
        return close
    while position < len(source):
        if source.startswith("}}", position):
            return position
        if source[position] in "\"'`":
            position = _quoted_end(source, position)
        position += 1
    raise TemplateFailure(f"{line(source, position)}: unclosed action")


def _quoted_end(source: str, start: int) -> int:
    quote, position = source[start], start + 1
    while position < len(source) and source[position] != quote:
        position += 2 if source[position] == "\\" and quote != "`" else 1
    if position >= len(source):
        raise TemplateFailure(f"{line(source, start)}: unterminated quoted string")
    return position


def tokens(source: str, action: str, base: int) -> list[Token]:
    """The tokens of one action; a space between operands is a token of kind " "."""
    found: list[Token] = []
    position = 0
    while position < len(action):
        kind, value, end = _token(source, action, position, base)
        found.append(Token(kind, value, base + position, base + end))
        position = end
    return found


def _token(source: str, text: str, start: int, base: int) -> tuple[str, str, int]:
    char = text[start]
    if char in _SPACE:
        return " ", "", _while(text, start, _SPACE.__contains__)
    if char in "\"`'":
        end = _quoted_end(text, start) + 1
        raw = text[start + 1 : end - 1]
        value = raw if char == "`" else _unescape(raw)
        return ("char", str(ord(value[:1] or "\0")), end) if char == "'" else ("string", value, end)
    if text.startswith(":=", start):
        return ":=", "", start + 2
    if char in "()|,=":
        return char, "", start + 1
    if char.isdigit() or (char in "+-" and text[start + 1 : start + 2].isdigit()):
        end = _while(text, start + 1, lambda c: c.isalnum() or c in "._")
        return "number", text[start:end], end
    if char in ".$":
        end = _while(text, start + 1, _is_name)
        return "field" if char == "." else "variable", text[start + 1 : end], end
    if _is_name(char):
        end = _while(text, start, _is_name)
        return "word", text[start:end], end
    raise TemplateFailure(
        f"{line(source, base + start)}: unexpected {char!r} in command".replace("'", '"')
    )


def _is_name(char: str) -> bool:
    return char.isalnum() or char == "_"


def _while(text: str, start: int, wanted: object) -> int:
    end = start
    while end < len(text) and wanted(text[end]):  # type: ignore[operator]
        end += 1
    return end


def _unescape(raw: str) -> str:
    parts, position = [], 0
    while (slash := raw.find("\\", position)) >= 0:
        parts.append(raw[position:slash])
        letter = raw[slash + 1 : slash + 2]
        length = _HEX_LENGTH.get(letter, 0)
        if length:
            parts.append(chr(int(raw[slash + 2 : slash + 2 + length], 16)))
        else:
            parts.append(_ESCAPES.get(letter, letter))
        position = slash + 2 + length
    return "".join([*parts, raw[position:]])
