"""`wherry wait`."""

from __future__ import annotations

from wherry.cli.command import ANY, Command
from wherry.cli.each import container_path
from wherry.cli.failures import STATUS_FAILED, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Say the exit status of each in turn, waiting as long as it runs."""
    failures: list[Failure] = []
    for name in arguments:
        try:
            result = context.api.post(container_path(name, "wait"))
        except Failure as failure:
            failures.append(failure)
        else:
            context.say(str(result["StatusCode"]))
    for problem in failures:
        context.warn(problem.message)
    return STATUS_FAILED if failures else 0


COMMAND = Command(
    "Wait until containers end, then show their exit statuses",
    run,
    arguments="CONTAINER [CONTAINER...]",
    least=1,
    most=ANY,
    complete="running",
)
