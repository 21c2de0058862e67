"""`wherry update`."""

from __future__ import annotations

from wherry.cli.command import ANY, Command
from wherry.cli.each import container_path
from wherry.cli.failures import STATUS_FAILED, ApiFailure
from wherry.cli.run.config import restart_policy
from wherry.cli.run.flags import CONTAINER_FLAGS
from wherry.cli.run.resources import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

_NAMES = frozenset(
    (
        "blkio-weight",
        "cpu-period",
        "cpu-quota",
        "cpu-rt-period",
        "cpu-rt-runtime",
        "cpu-shares",
        "cpus",
        "cpuset-cpus",
        "cpuset-mems",
        "kernel-memory",
        "memory",
        "memory-reservation",
        "memory-swap",
        "pids-limit",
        "restart",
    )
)
FLAGS = tuple(flag for flag in CONTAINER_FLAGS if flag.name in _NAMES)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Send the new limits to each container; what is not given stays as it is."""
    body = limits(options)
    if options.is_given("restart"):
        body["RestartPolicy"] = restart_policy(options.text("restart"))
    failures = []
    for name in arguments:
        try:
            answer = context.api.post(container_path(name, "update"), None, body)
        except ApiFailure as failure:
            failures.append(failure.message)
            continue
        context.say(name)
        for warning in answer.get("Warnings") or []:
            context.warn(warning)
    for text in failures:
        context.warn(text)
    return STATUS_FAILED if failures else 0


COMMAND = Command(
    "Change the limits of containers",
    run,
    arguments="CONTAINER [CONTAINER...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    complete="containers",
)
