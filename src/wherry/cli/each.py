"""One request for each of several names, all under way at once, results in the order given."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.failures import STATUS_FAILED, ApiFailure, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wherry.cli.api import Pending
    from wherry.cli.context import Context

# Daemons bound the number of connections they like; docker's own client stops at 50 too.
_AT_ONCE = 50
_NOT_FOUND = 404


def post_each(
    context: Context, names: list[str], action: str, query: Mapping[str, object] | None = None
) -> int:
    """POST /containers/NAME/ACTION for each; prints the names that went well. Exit status."""
    return for_each(
        context,
        names,
        lambda name: context.api.begin("POST", container_path(name, action), query),
    )


def for_each(
    context: Context,
    names: list[str],
    begin: Callable[[str], Pending],
    show: Callable[[str], str] = str,
) -> int:
    """Send all requests, then say each name whose request succeeded, then the errors."""
    failures: list[Failure] = []
    for start in range(0, len(names), _AT_ONCE):
        group = names[start : start + _AT_ONCE]
        for name, failure in send_all(group, begin):
            if failure is None:
                context.say(show(name))
            else:
                failures.append(failure)
    for problem in failures:
        context.warn(problem.message)
    return STATUS_FAILED if failures else 0


def send_all(
    names: list[str], begin: Callable[[str], Pending]
) -> list[tuple[str, ApiFailure | None]]:
    """Requests for all names at once; (name, what went wrong) each, in order."""
    pending = [(name, begin(name)) for name in names]
    results: list[tuple[str, ApiFailure | None]] = []
    for name, request in pending:
        try:
            request.result()
        except ApiFailure as failure:
            results.append((name, failure))
        else:
            results.append((name, None))
    return results


def removal_status(context: Context, failures: list[ApiFailure], *, force: bool) -> int:
    """Say what could not be removed. Exit status: with `force`, what is not there is no failure."""
    for failure in failures:
        context.warn(failure.message)
    forgiven = force and all(failure.code == _NOT_FOUND for failure in failures)
    return STATUS_FAILED if failures and not forgiven else 0


def container_path(name: str, action: str = "") -> str:
    """`/containers/NAME/ACTION`, the name quoted. Raises `Failure` for an empty name."""
    if not name.strip():
        raise Failure("invalid container name or ID: value is empty")
    return f"/containers/{quote(name)}/{action}" if action else f"/containers/{quote(name)}"
