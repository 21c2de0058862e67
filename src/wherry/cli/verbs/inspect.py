"""`wherry inspect`: whatever has the name."""

from __future__ import annotations

from wherry.cli.api import quote
from wherry.cli.command import ANY, Command
from wherry.cli.failures import ApiFailure, Failure
from wherry.cli.flags import Flag
from wherry.cli.formatflag import OBJECT_FORMAT
from wherry.cli.inspection import inspect_each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    OBJECT_FORMAT,
    Flag("size", "s", "bool", "Show how much disk a container takes"),
    Flag("type", "", "string", "Look only for objects of this type"),
)

# Looked up in this order; the first type that knows the name has it.
_PATHS = {
    "container": "/containers/{}/json",
    "image": "/images/{}/json",
    "network": "/networks/{}",
    "volume": "/volumes/{}",
}
_OTHER_TYPES = ("config", "node", "plugin", "secret", "service", "task")
_NOT_HERE = (404, 501, 503)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Print everything that the daemon knows about each object."""
    wanted = options.text("type")
    if wanted and wanted not in _PATHS:
        known = ", ".join(f'"{name}"' for name in sorted((*_PATHS, *_OTHER_TYPES)))
        text = "not supported" if wanted in _OTHER_TYPES else f"must be one of {known}"
        raise Failure(f'unknown type: "{wanted}": {text}')

    def fetch(name: str) -> Any:
        return _fetch(context, name, wanted, options.on("size"))

    return inspect_each(context, arguments, options.text("format"), fetch)


def _fetch(context: Context, name: str, wanted: str, with_size: bool) -> Any:
    if wanted:
        return context.api.get(_PATHS[wanted].format(quote(name)), _size(wanted, with_size))
    for kind, path in _PATHS.items():
        try:
            return context.api.get(path.format(quote(name)), _size(kind, with_size))
        except ApiFailure as failure:
            if failure.code not in _NOT_HERE:
                raise
    raise Failure(f"Error: No such object: {name}")


def _size(kind: str, wanted: bool) -> dict[str, object]:
    return {"size": wanted and kind == "container"}


COMMAND = Command(
    "Show everything about containers, images and other objects",
    run,
    arguments="NAME|ID [NAME|ID...]",
    flags=FLAGS,
    least=1,
    most=ANY,
    complete="containers",
)
