"""`wherry manifest create`: begin a manifest list on this machine."""

from __future__ import annotations

from wherry.cli.command import ANY, Command
from wherry.cli.failures import Failure
from wherry.cli.flags import Flag
from wherry.cli.manifests.flags import INSECURE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options
    from wherry.cli.manifests.listed import Listed
    from wherry.cli.manifests.store import ManifestStore
    from wherry.spec.reference import Reference

FLAGS = (
    Flag("amend", "a", "bool", "Change a list that is there already"),
    INSECURE,
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Look every manifest up and note it."""
    from wherry.cli.manifests.registry import named
    from wherry.cli.manifests.store import ManifestStore

    target, *names = (named(argument) for argument in arguments)
    store = ManifestStore(context.environ)
    if store.has(target) and not options.on("amend"):
        raise Failure("refusing to amend an existing manifest list with no --amend flag")
    for name in names:
        store.save(target, name, _find(context, store, target, name, options.on("insecure")))
    context.say(f"Created manifest list {target}")


def _find(
    context: Context, store: ManifestStore, target: Reference, name: Reference, insecure: bool
) -> Listed:
    from wherry.cli.manifests.registry import conversation, fetch_manifest
    from wherry.cli.manifests.store import NotStored

    try:
        return store.get(target, name)
    except NotStored:
        with conversation(context, name.domain, insecure=insecure) as session:
            return fetch_manifest(session, name)


COMMAND = Command(
    "Begin a manifest list on this machine, to be annotated and pushed",
    run,
    arguments="MANIFEST_LIST MANIFEST [MANIFEST...]",
    flags=FLAGS,
    least=2,
    most=ANY,
)
