"""`wherry manifest push`: a list of this machine into its registry."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.failures import Failure
from wherry.cli.flags import Flag
from wherry.cli.manifests.flags import INSECURE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    INSECURE,
    Flag("purge", "p", "bool", "Remove the list from this machine when it is pushed"),
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Push the list and what it lists."""
    from wherry.cli.manifests.push import push_list
    from wherry.cli.manifests.registry import conversation, named
    from wherry.cli.manifests.store import ManifestStore

    target = named(arguments[0])
    store = ManifestStore(context.environ)
    manifests = store.list(target)
    if not manifests:
        raise Failure(f"{target} not found")
    for manifest in manifests:
        if not (manifest.platform.get("os") and manifest.platform.get("architecture")):
            raise Failure(
                f"manifest {manifest.ref} must have an OS and Architecture to be pushed to a"
                " registry"
            )
    with conversation(context, target.domain, insecure=options.on("insecure")) as session:
        for line in push_list(session, target, manifests):
            context.say(line)
    if options.on("purge"):
        store.remove(target)


COMMAND = Command(
    "Push a manifest list to its registry",
    run,
    arguments="MANIFEST_LIST",
    flags=FLAGS,
    least=1,
    most=1,
)
