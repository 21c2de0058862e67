"""Flags as rows, and the grammar in which people type them.

The grammar is Go's (the `pflag` package), because that is what docker's users have in their
fingers and scripts: `--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`, clusters
such as `-it`, booleans that take a value only with `=`, `--` as the end of all flags. Messages
are pflag's too, since tools match on them.
"""

from __future__ import annotations

from wherry.cli.failures import UsageFailure
from wherry.cli.flagvalues import CONVERTERS, EMPTY, REPEATABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any


class Flag:
    """One flag.

    `kind` is a key of `flagvalues.CONVERTERS` and also what the help shows as the value's type
    (`shown` overrides it). `default` None means the kind's empty value. `check` looks at each text
    of a repeatable flag, and may put it into its usual form. `stands_for` makes the flag another
    spelling of the flag named there. Hidden flags parse but are not listed.
    """

    __slots__ = (
        "check",
        "default",
        "help",
        "hidden",
        "kind",
        "name",
        "short",
        "shown",
        "stands_for",
    )

    def __init__(
        self,
        name: str,
        short: str = "",
        kind: str = "bool",
        help: str = "",
        *,
        default: Any = None,
        check: Callable[[str], str] | None = None,
        shown: str = "",
        hidden: bool = False,
        stands_for: str = "",
    ) -> None:
        self.name = name
        self.short = short
        self.kind = kind
        self.help = help
        self.default = EMPTY[kind] if default is None else default
        self.check = check
        self.shown = shown or kind
        self.hidden = hidden or bool(stands_for)
        self.stands_for = stands_for

    def __str__(self) -> str:
        """The flag as pflag names it in messages: `-n, --last`."""
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"


class Options:
    """The values that a command line gave, with defaults for the rest."""

    __slots__ = ("_values", "given")

    def __init__(self, flags: Sequence[Flag]) -> None:
        self._values: dict[str, Any] = {
            flag.name: list(flag.default) if flag.kind in REPEATABLE else flag.default
            for flag in flags
        }
        self.given: set[str] = set()

    def put(self, flag: Flag, value: Any) -> None:
        """Take one value from the command line; repeatable kinds collect."""
        name = flag.stands_for or flag.name
        if flag.kind in REPEATABLE:
            fresh = [] if name not in self.given else self._values[name]
            self._values[name] = [*fresh, *value]
        else:
            self._values[name] = value
        self.given.add(name)

    def text(self, name: str) -> str:
        """Value of a flag of kind string."""
        value: str = self._values[name]
        return value

    def number(self, name: str) -> int:
        """Value of a flag of a whole-number kind (int, bytes, duration in ns, decimal in 1e-9)."""
        value: int = self._values[name]
        return value

    def on(self, name: str) -> bool:
        """Value of a flag of kind bool."""
        value: bool = self._values[name]
        return value

    def list(self, name: str) -> list[str]:
        """Values of a repeatable flag, in the order given."""
        value: list[str] = self._values[name]
        return value

    def is_given(self, name: str) -> bool:
        """Whether the command line names the flag at all."""
        return name in self.given


class HelpWanted(Exception):
    """The command line asks for help (`--help`, or `-h` where that means nothing else)."""


def parse(
    flags: Sequence[Flag], words: list[str], *, interspersed: bool = True
) -> tuple[Options, list[str]]:
    """The options and the remaining arguments of `words`.

    Raises `UsageFailure` with pflag's message, or `HelpWanted`.
    """
    options = Options(flags)
    by_name = {flag.name: flag for flag in flags}
    by_short = {flag.short: flag for flag in flags if flag.short}
    arguments: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            arguments.extend(rest)
        elif word.startswith("--"):
            _long(word, rest, by_name, options)
        elif word.startswith("-") and word != "-":
            _cluster(word, rest, by_short, options)
        else:
            arguments.append(word)
            if not interspersed:
                arguments.extend(rest)
    return options, arguments


def _long(word: str, rest: Iterator[str], by_name: dict[str, Flag], options: Options) -> None:
    name, equals, value = word[2:].partition("=")
    if not name or name.startswith("-"):
        raise UsageFailure(f"bad flag syntax: {word}")
    flag = by_name.get(name)
    if flag is None:
        if name == "help":
            raise HelpWanted
        raise UsageFailure(f"unknown flag: --{name}")
    if not equals:
        value = "true" if flag.kind == "bool" else _next(rest, f"--{name}")
    _set(flag, value, options)


def _cluster(word: str, rest: Iterator[str], by_short: dict[str, Flag], options: Options) -> None:
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        flag = by_short.get(letter)
        if flag is None:
            if letter == "h":
                raise HelpWanted
            raise UsageFailure(f"unknown shorthand flag: '{letter}' in -{letter}{letters}")
        if letters.startswith("="):
            value, letters = letters[1:], ""
        elif flag.kind == "bool":
            value = "true"
        elif letters:
            value, letters = letters, ""
        else:
            value = _next(rest, f"'{letter}' in -{letter}")
        _set(flag, value, options)


def _next(rest: Iterator[str], flag: str) -> str:
    for word in rest:
        return word
    raise UsageFailure(f"flag needs an argument: {flag}")


def _set(flag: Flag, text: str, options: Options) -> None:
    try:
        checked = flag.check(text) if flag.check else text
        value = CONVERTERS[flag.kind](checked)
    except ValueError as error:
        raise UsageFailure(f'invalid argument "{text}" for "{flag}" flag: {error}') from None
    options.put(flag, value)
