"""One setting of the daemon: its flags, its key in the configuration file, how it reads."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any, Final

from wherry.errors import Invalid

_TYPES: Final = {
    str: "a string",
    int: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}
_TRUE: Final = ("1", "t", "true")
_FALSE: Final = ("0", "f", "false")


@dataclass(frozen=True, slots=True)
class Row:
    """One setting: its flags (none: by file only), its key in the file, how it reads.

    `part` names the part of the options that it belongs to, "" for the options themselves. A row of
    type list takes anything in the file, and texts as flags; one of type dict takes NAME=VALUE as
    a flag, again and again.
    """

    name: str
    flags: tuple[str, ...]
    key: str
    help: str
    repeated: bool = False
    choices: tuple[str, ...] = ()
    type: type = str
    part: str = ""

    def argument(self) -> dict[str, Any]:
        """What argparse is told of the flags."""
        if self.type is bool:
            return {"type": truth, "nargs": "?", "const": True}
        if self.repeated or self.type is list:
            return {"action": "append"}
        if self.type is dict:
            return {"action": _Named, "metavar": "NAME=VALUE"}
        return {"type": self.type}

    def value(self, given: object) -> Any:
        """The value in its type. Raises Invalid."""
        if self.repeated:
            if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
                raise Invalid(f"{self.key} must be a list of strings")
            return tuple(given)
        if not isinstance(given, self.type) or (isinstance(given, bool) and self.type is not bool):
            raise Invalid(f"{self.key} must be {_TYPES[self.type]}")
        if self.choices and given not in self.choices:
            raise Invalid(f"{self.key} must be one of {', '.join(self.choices)}, not {given!r}")
        return given


def truth(text: str) -> bool:
    """Go's reading of a truth value. Raises ValueError."""
    if text.lower() not in _TRUE + _FALSE:
        raise ValueError(text)
    return text.lower() in _TRUE


class _Named(argparse.Action):
    """Collects NAME=VALUE in a dict."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        name, equals, value = str(values).partition("=")
        if not (name and equals):
            parser.error(f"argument {option_string}: {values!r} is not NAME=VALUE")
        setattr(namespace, self.dest, {**(getattr(namespace, self.dest) or {}), name: value})
