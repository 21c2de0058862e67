"""Help texts, made from the commands' rows."""

from __future__ import annotations

import os

from wherry.cli import commands
from wherry.cli.globalflags import GLOBAL_FLAGS
from wherry.cli.output import STDOUT, is_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.cli.flags import Flag

_DEFAULT_WIDTH = 80
_GAP = 3


def help_text(name: str) -> str:
    """What `wherry NAME --help` prints, for a command, a group, or "" for wherry itself."""
    width = _width()
    if name in commands.COMMANDS:
        return _command_help(name, width)
    return _group_help(name) if name else _top_help(width)


def usage_line(name: str) -> str:
    """`wherry run [OPTIONS] IMAGE [COMMAND] [ARG...]`."""
    if not name:
        return "wherry [OPTIONS] COMMAND [ARG...]"
    if name not in commands.COMMANDS:
        return f"wherry {name}"
    command = commands.load(name)
    options = ["[OPTIONS]"] if any(not flag.hidden for flag in command.flags) else []
    return " ".join(["wherry", name, *options, *command.arguments.split()])


def visible(flags: Sequence[Flag]) -> list[Flag]:
    """The flags that help lists, by name."""
    return sorted((flag for flag in flags if not flag.hidden), key=lambda flag: flag.name)


def flag_label(flag: Flag) -> str:
    """`-n, --last int`; the two columns before `--` are empty without a short form."""
    short = f"-{flag.short}, " if flag.short else "    "
    kind = "" if flag.kind == "bool" else f" {flag.shown}"
    return f"{short}--{flag.name}{kind}"


def flag_text(flag: Flag) -> str:
    """The flag's help, with its default where that says something."""
    if flag.kind == "bool":
        default = " (default true)" if flag.default else ""
    elif flag.kind == "string" and flag.default:
        default = f' (default "{flag.default}")'
    else:
        default = f" (default {flag.default})" if flag.default else ""
    return f"{flag.help}{default}"


def _width() -> int:
    if not is_terminal(STDOUT):
        return _DEFAULT_WIDTH
    return max(os.get_terminal_size(STDOUT).columns, 40)


def _command_help(name: str, width: int) -> str:
    command = commands.load(name)
    parts = [f"Usage:  {usage_line(name)}", "", command.summary]
    others = commands.spellings(name)
    if len(others) > 1:
        parts += ["", "Aliases:", f"  {', '.join(f'wherry {other}' for other in others)}"]
    flags = visible(command.flags)
    if flags:
        parts += ["", "Options:", *_flag_lines(flags, width)]
    return "\n".join([*parts, ""])


def _group_help(group: str) -> str:
    return "\n".join(
        [
            f"Usage:  wherry {group} COMMAND",
            "",
            commands.GROUPS[group],
            "",
            "Commands:",
            *_command_lines(commands.members(group)),
            "",
            f"Run 'wherry {group} COMMAND --help' for more information on a command.",
            "",
        ]
    )


def _top_help(width: int) -> str:
    others = [name for name in commands.members("") if name not in commands.COMMON]
    return "\n".join(
        [
            "Usage:  wherry [OPTIONS] COMMAND",
            "",
            "Containers, with docker's commands",
            "",
            "Common Commands:",
            *_command_lines(commands.COMMON),
            "",
            "Management Commands:",
            *(f"  {name:<11} {text}" for name, text in commands.GROUPS.items()),
            "",
            "Commands:",
            *_command_lines(others),
            "",
            "Global Options:",
            *_flag_lines(visible(GLOBAL_FLAGS), width),
            "",
            "Run 'wherry COMMAND --help' for more information on a command.",
            "",
        ]
    )


def _command_lines(names: Iterable[str]) -> list[str]:
    return [f"  {name.split()[-1]:<11} {commands.load(name).summary}" for name in names]


def _flag_lines(flags: Sequence[Flag], width: int) -> list[str]:
    labels = [flag_label(flag) for flag in flags]
    column = max(len(label) for label in labels) + _GAP
    lines: list[str] = []
    for flag, label in zip(flags, labels, strict=True):
        first, *rest = wrap(flag_text(flag), max(width - column - 2, 24))
        lines.append(f"  {label:<{column}}{first}")
        lines += [f"  {'':<{column}}{line}" for line in rest]
    return lines


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters, broken at spaces; at least one line."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines
