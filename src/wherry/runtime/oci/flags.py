"""Command lines in the grammar of Go's flag package, which runc's users and callers write.

`-name` and `--name` are the same; values follow after "=" or a blank; the first word that is no
flag, or "--", ends the flags. A row per flag says everything: parser and help follow from it.
"""

from __future__ import annotations

from wherry.runtime.oci.refusal import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SWITCH, TEXT, NUMBER, LIST = "switch", "text", "number", "list"
TRUE = ("1", "t", "T", "true", "TRUE", "True")
FALSE = ("0", "f", "F", "false", "FALSE", "False")
Row = tuple[str, str, str]
"""(names: "bundle,b", kind, help)."""


def parse(rows: tuple[Row, ...], words: list[str]) -> tuple[dict[str, Any], list[str]]:
    """({first name: value}, the words after the flags); Refusal for an unknown or incomplete one.

    Switches are False unless given, texts "", numbers 0, lists empty; `given` under the key ""
    holds the names that were really there.
    """
    kinds = {name: (row[0].split(",")[0], row[1]) for row in rows for name in row[0].split(",")}
    empty = {SWITCH: False, TEXT: "", NUMBER: 0, LIST: ()}
    values: dict[str, Any] = {row[0].split(",")[0]: empty[row[1]] for row in rows}
    values[""] = given = set()
    position = 0
    while position < len(words):
        word = words[position]
        if word == "--":
            position += 1
            break
        if not word.startswith("-") or word == "-":
            break
        name, equals, value = word.lstrip("-").partition("=")
        if name not in kinds:
            raise Refusal(f"flag provided but not defined: -{name}")
        name, kind = kinds[name]
        position += 1
        if not equals and kind != SWITCH:
            if position == len(words):
                raise Refusal(f"flag needs an argument: -{name}")
            value = words[position]
            position += 1
        given.add(name)
        _take(values, name, kind, value if equals or kind != SWITCH else "true")
    return values, words[position:]


def _take(values: dict[str, Any], name: str, kind: str, value: str) -> None:
    if kind == LIST:
        values[name] = (*values[name], value)
    elif kind == NUMBER:
        try:
            values[name] = int(value, 0)
        except ValueError:
            raise Refusal(f'invalid value "{value}" for flag -{name}: parse error') from None
    elif kind == SWITCH:
        if value not in TRUE + FALSE:
            raise Refusal(f'invalid boolean value "{value}" for -{name}: parse error')
        values[name] = value in TRUE
    else:
        values[name] = value


def describe(rows: tuple[Row, ...]) -> str:
    """The flags, one a line, as `--help` shows them."""
    lines = []
    for names, kind, text in rows:
        shown = ", ".join(("--" if len(name) > 1 else "-") + name for name in names.split(","))
        lines.append((shown + ("" if kind == SWITCH else " value"), text))
    width = max((len(left) for left, _ in lines), default=0)
    return "".join(f"   {left:{width}}  {text}\n" for left, text in lines)
