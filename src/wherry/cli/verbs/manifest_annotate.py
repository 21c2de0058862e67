"""`wherry manifest annotate`: say which platform a manifest of a list is for."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.failures import Failure
from wherry.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options
    from wherry.cli.manifests.listed import Listed

FLAGS = (
    Flag("arch", "", "string", "Architecture"),
    Flag("os", "", "string", "Operating system"),
    Flag("os-features", "", "strings", "Features of the operating system"),
    Flag("os-version", "", "string", "Version of the operating system"),
    Flag("variant", "", "string", "Variant of the architecture"),
)
_MEMBERS = (
    ("arch", "architecture"),
    ("os", "os"),
    ("os-version", "os.version"),
    ("variant", "variant"),
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Change the note of one manifest."""
    from wherry.cli.manifests.listed import Listed
    from wherry.cli.manifests.registry import named
    from wherry.cli.manifests.store import ManifestStore, NotStored

    target, name = (named(argument) for argument in arguments)
    store = ManifestStore(context.environ)
    try:
        manifest = store.get(target, name)
    except NotStored:
        raise Failure(
            f"manifest for image {arguments[1]} does not exist in {arguments[0]}"
        ) from None
    descriptor = {**manifest.descriptor, "platform": _platform(manifest, options)}
    store.save(target, name, Listed(manifest.ref, descriptor, manifest.raw))


def _platform(manifest: Listed, options: Options) -> dict[str, Any]:
    from wherry.cli.manifests.listed import PLATFORMS

    platform = dict(manifest.platform)
    platform |= {member: options.text(flag) for flag, member in _MEMBERS if options.text(flag)}
    features = [*platform.get("os.features", ()), *options.list("os-features")]
    if features:
        platform["os.features"] = list(dict.fromkeys(features))
    if f"{platform.get('os', '')}/{platform.get('architecture', '')}" not in PLATFORMS:
        given = f"{options.text('os')}/{options.text('arch')}"
        raise Failure(f"manifest entry for image has unsupported os/arch combination: {given}")
    return platform


COMMAND = Command(
    "Say which platform a manifest of a list is for",
    run,
    arguments="MANIFEST_LIST MANIFEST",
    flags=FLAGS,
    least=2,
    most=2,
)
