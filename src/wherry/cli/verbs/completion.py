"""`wherry completion`: the script that teaches a shell wherry's commands."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.completion import SHELLS, script
from wherry.cli.failures import Failure
from wherry.cli.output import STDOUT, write_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Print the script; `source <(wherry completion bash)` loads it."""
    if arguments[0] not in SHELLS:
        raise Failure(f"no completion for {arguments[0]}: choose one of {', '.join(SHELLS)}")
    write_text(STDOUT, script(arguments[0]))


COMMAND = Command(
    "Print the script that completes commands in bash, zsh or fish",
    run,
    arguments="bash|zsh|fish",
    least=1,
    most=1,
)
