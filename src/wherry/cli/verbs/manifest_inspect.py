"""`wherry manifest inspect`: a manifest or a list, of this machine or of a registry."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.flags import Flag
from wherry.cli.manifests.flags import INSECURE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options
    from wherry.cli.manifests.listed import Listed
    from wherry.spec.reference import Reference

FLAGS = (
    INSECURE,
    Flag("verbose", "v", "bool", "Show platform and manifest of every image"),
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Print one manifest of a local list, or what the name leads to: here, else there."""
    from wherry.cli.manifests.registry import named
    from wherry.cli.manifests.store import ManifestStore

    verbose = options.on("verbose")
    store = ManifestStore(context.environ)
    name = named(arguments[-1])
    if len(arguments) > 1:
        context.say(_one(store.get(named(arguments[0]), name), verbose))
    elif store.has(name):
        context.say(_several(name, store.list(name), verbose))
    else:
        context.say(_remote(context, name, verbose, options.on("insecure")))


def _remote(context: Context, name: Reference, verbose: bool, insecure: bool) -> str:
    from wherry.cli.manifests import registry
    from wherry.cli.manifests.listed import encode_list
    from wherry.spec.image import Index

    with registry.conversation(context, name.domain, insecure=insecure) as session:
        resolved = registry.resolve(session, name)
        document = registry.parsed(resolved)
        if isinstance(document, Index) and verbose:
            return _several(name, registry.fetch_list(session, name, document), verbose)
        if isinstance(document, Index):
            rows = [descriptor.to_json() for descriptor in document.manifests]
            return encode_list(rows).decode()
        return _one(registry.fetch_manifest(session, name), verbose)


def _one(manifest: Listed, verbose: bool) -> str:
    import json

    return _indented(manifest.to_json() if verbose else json.loads(manifest.raw))


def _several(name: Reference, manifests: list[Listed], verbose: bool) -> str:
    from wherry.cli.manifests.listed import encode_list, rows_for

    if verbose:
        return _indented([manifest.to_json() for manifest in manifests])
    return encode_list(rows_for(name, manifests)).decode()


def _indented(value: Any) -> str:
    import json

    return json.dumps(value, indent="\t", ensure_ascii=False)


COMMAND = Command(
    "Show an image manifest or a manifest list",
    run,
    arguments="[MANIFEST_LIST] MANIFEST",
    flags=FLAGS,
    least=1,
    most=2,
)
