"""`a=1,b=2,"c=x,y"` as in --mount, --network and --publish: one line of CSV, `key=value` fields."""

from __future__ import annotations


def split_fields(text: str) -> list[str]:
    """The fields of the line, quotes resolved (RFC 4180)."""
    fields: list[str] = []
    current, quoted, position = "", False, 0
    while position < len(text):
        char = text[position]
        if quoted and char == '"' and text[position + 1 : position + 2] == '"':
            current += '"'
            position += 1
        elif char == '"' and (quoted or not current):
            quoted = not quoted
        elif char == "," and not quoted:
            fields.append(current)
            current = ""
        else:
            current += char
        position += 1
    if quoted:
        raise ValueError('parse error: extraneous or missing " in quoted-field')
    return [*fields, current]
