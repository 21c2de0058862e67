"""`wherry logout`: forget what `wherry login` kept."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.credentials.store import ENVIRONMENT, CredentialStore, addresses_of
from wherry.cli.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Erase the login under every name that it may have been kept by."""
    if context.environ.get(ENVIRONMENT):
        context.warn(f"WARNING: {ENVIRONMENT} is set and still counts")
    name, keys = addresses_of(arguments[0] if arguments else "")
    store = CredentialStore(context.environ)
    context.say(f"Removing login credentials for {name}")
    failures = {}
    for key in keys:
        try:
            store.erase(key)
        except Failure as failure:
            failures[key] = failure.message
    if len(failures) == len(keys):
        context.warn("WARNING: could not erase credentials:")
        for key, message in failures.items():
            context.warn(f"{key}: {message}")


COMMAND = Command(
    "Log out from a registry (Docker Hub if none is named)",
    run,
    arguments="[SERVER]",
    most=1,
)
