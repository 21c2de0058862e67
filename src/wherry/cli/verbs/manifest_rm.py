"""`wherry manifest rm`: forget lists of this machine."""

from __future__ import annotations

from wherry.cli.command import ANY, Command
from wherry.cli.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Remove every list that is named; what is not there is told at the end."""
    from wherry.cli.manifests.registry import named
    from wherry.cli.manifests.store import ManifestStore

    store = ManifestStore(context.environ)
    failures = []
    for argument in arguments:
        try:
            store.remove(named(argument))
        except Failure as failure:
            failures.append(failure.message)
    if failures:
        raise Failure("\n".join(failures))


COMMAND = Command(
    "Remove manifest lists from this machine",
    run,
    arguments="MANIFEST_LIST [MANIFEST_LIST...]",
    least=1,
    most=ANY,
)
