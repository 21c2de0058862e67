"""Entry of the `wherry` command: global flags, the command's module, one place for errors."""

from __future__ import annotations

import os
import sys

from wherry.cli import commands
from wherry.cli.command import ANY
from wherry.cli.context import Context
from wherry.cli.failures import STATUS_FAILED, Failure, UsageFailure
from wherry.cli.flags import HelpWanted, Options, parse
from wherry.cli.globalflags import GLOBAL_FLAGS
from wherry.cli.output import STDERR, STDOUT, write_text
from wherry.cli.signals import SIGINT, SIGPIPE, use_default

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from wherry.cli.command import Command


def main() -> NoReturn:
    """Run the command line of this process and end the process with its exit status."""
    # The shell's expectations of a plain tool: ^C and a closed pipe end it without a word.
    use_default(SIGINT)
    use_default(SIGPIPE)
    try:
        status = run(sys.argv[1:])
    except Exception as error:  # noqa: BLE001  the last resort of the process
        status = _report_own_fault(error)
    # Skipping the interpreter's tear-down saves 2 ms; nothing of ours is buffered (output.py).
    os._exit(status)


def run(words: list[str]) -> int:
    """Do what the words say; the exit status. Only failures of wherry itself are raised."""
    name = ""
    try:
        options, rest = parse(GLOBAL_FLAGS, words, interspersed=False)
        if options.on("version"):
            return _show_version()
        name, rest = _command_name(rest)
        if name not in commands.COMMANDS:
            raise HelpWanted
        return _run_command(name, options, rest)
    except HelpWanted:
        from wherry.cli.help import help_text

        write_text(STDOUT, help_text(name))
        return 0
    except Failure as failure:
        return report(failure, name)
    except OSError as error:
        return report(Failure(_system_text(error)), name)


def _command_name(words: list[str]) -> tuple[str, list[str]]:
    """The full name of the command, or of the group, or "" that `words` begin with."""
    if words[:1] == ["help"]:
        return _command_name([*words[1:], "--help"])
    if not words or words[0] in ("--help", "-h"):
        return "", []
    if words[0] in commands.COMMANDS:
        return _own_command(words)
    if words[0] not in commands.GROUPS:
        raise UsageFailure(f"unknown command: wherry {words[0]}", STATUS_FAILED, prefixed=True)
    return _group_command(words[0], words[1:])


def _own_command(words: list[str]) -> tuple[str, list[str]]:
    """A command of one word, or one below it, such as `port add CONTAINER PORT`.

    `port add 80` is about port 80 of a container called "add", as it is in docker.
    """
    name = " ".join(words[:2])
    if len(words) > 1 and name in commands.COMMANDS and (len(words) > 3 or "--help" in words):
        return name, words[2:]
    return words[0], words[1:]


def _group_command(group: str, words: list[str]) -> tuple[str, list[str]]:
    if not words or words[0] in ("--help", "-h"):
        return group, []
    name = f"{group} {words[0]}"
    if words[0].startswith("-") or name not in commands.COMMANDS:
        raise _UnknownMember(group, words[0])
    return name, words[1:]


class _UnknownMember(UsageFailure):
    """A word that is no command of its group."""

    def __init__(self, group: str, word: str) -> None:
        if word.startswith("--"):
            super().__init__(f"unknown flag: {word}")
        elif word.startswith("-"):
            super().__init__(f"unknown shorthand flag: '{word[1]}' in {word}")
        else:
            super().__init__(
                f"unknown command: wherry {group} {word}", STATUS_FAILED, prefixed=True
            )
        self.group = group


def _run_command(name: str, options: Options, words: list[str]) -> int:
    command = commands.load(name)
    own, arguments = parse(command.flags, words, interspersed=command.interspersed)
    _check_count(name, command, len(arguments))
    context = Context(name, options)
    return command.run(context, own, arguments) or 0


def _check_count(name: str, command: Command, count: int) -> None:
    if command.least <= count <= command.most:
        return
    if not command.most:
        wanted, verb = "accepts no arguments", "Run"
    elif command.least == command.most:
        wanted, verb = f"requires {_arguments(command.least)}", "Run"
    elif command.least and command.most < ANY:
        wanted, verb = (
            f"requires at least {command.least} and at most {command.most} arguments",
            "Run",
        )
    elif count < command.least:
        wanted, verb = f"requires at least {_arguments(command.least)}", "See"
    else:
        wanted, verb = f"requires at most {_arguments(command.most)}", "Run"
    raise UsageFailure(f"'wherry {name}' {wanted}", STATUS_FAILED, prefixed=True, verb=verb)


def _arguments(count: int) -> str:
    return f"{count} argument" if count == 1 else f"{count} arguments"


def report(failure: Failure, name: str) -> int:
    """Print a failure as docker would, and return the exit status."""
    if isinstance(failure, UsageFailure):
        from wherry.cli.help import usage_line

        where = failure.group if isinstance(failure, _UnknownMember) else name
        prefix = "wherry: " if failure.prefixed else ""
        full = f"wherry {where}".rstrip()
        usage = "" if not where and failure.prefixed else f"Usage:  {usage_line(where)}\n\n"
        write_text(
            STDERR,
            f"{prefix}{failure.message}\n\n{usage}"
            f"{failure.verb} '{full} --help' for more information\n",
        )
    elif failure.message:
        write_text(STDERR, f"{failure.message}\n")
    return failure.status


def _report_own_fault(error: Exception) -> int:
    """A mistake in wherry itself: one line, or the whole story with -D."""
    if {"-D", "--debug"} & set(sys.argv):
        import traceback

        traceback.print_exception(error)
    text = f"wherry: internal error: {type(error).__name__}: {error} (run wherry -D for more)"
    write_text(STDERR, f"{text}\n")
    return STATUS_FAILED


def _system_text(error: OSError) -> str:
    where = f" {error.filename}" if error.filename else ""
    return f"wherry:{where}: {(error.strerror or str(error)).lower()}"


def _show_version() -> int:
    from wherry.cli.build import VERSION

    write_text(STDOUT, f"Wherry version {VERSION}\n")
    return 0
