"""docs/reference/cli.md, made from the commands' rows: `python -m wherry.cli.reference FILE`."""

from __future__ import annotations

import sys

from wherry.cli import commands
from wherry.cli.globalflags import GLOBAL_FLAGS
from wherry.cli.help import flag_text, usage_line, visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.cli.flags import Flag

_HEAD = """\
# Commands

Made from the commands' own rows by `python -m wherry.cli.reference`; do not edit.

The address of the daemon is that of `-H`, else `WHERRY_HOST`, else `DOCKER_HOST`, else
`unix:///run/wherry.sock`, where a daemon is started when none answers (not with
`WHERRY_NO_DAEMON=1`). `WHERRY_DATA_ROOT` and `WHERRY_EXEC_ROOT` give that daemon other folders;
its socket is then `$WHERRY_EXEC_ROOT.sock`. TLS for tcp addresses: docs/remote.md.
"""


def reference() -> str:
    """The whole page."""
    parts = [_HEAD, "## Options of every command\n", _table(GLOBAL_FLAGS)]
    parts += [_section(name) for name in _first_spellings()]
    return "\n".join(parts)


def _first_spellings() -> list[str]:
    """One full name for each command: the one listed first."""
    seen: dict[str, str] = {}
    for name, module in commands.COMMANDS.items():
        seen.setdefault(module, name)
    return sorted(seen.values())


def _section(name: str) -> str:
    command = commands.load(name)
    others = [f"`wherry {other}`" for other in commands.spellings(name) if other != name]
    parts = [f"## wherry {name}\n", f"    {usage_line(name)}\n", f"{command.summary}.\n"]
    if others:
        parts.append(f"Also {', '.join(others)}.\n")
    if visible(command.flags):
        parts.append(_table(command.flags))
    return "\n".join(parts)


def _table(flags: Iterable[Flag]) -> str:
    rows = ["| flag | value | |", "|---|---|---|"]
    for flag in visible(tuple(flags)):
        short = f"`-{flag.short}`, " if flag.short else ""
        value = "" if flag.kind == "bool" else flag.shown
        text = flag_text(flag).replace("|", "\\|")
        rows.append(f"| {short}`--{flag.name}` | {value} | {text} |")
    return "\n".join([*rows, ""])


def _write(path: str) -> None:
    with open(path, "w", encoding="utf-8") as page:
        page.write(reference())


if __name__ == "__main__":
    _write(sys.argv[1])
