"""How a JSON null prints.

Docker applies templates to Go structures, where a missing list prints `[]`, a missing map `map[]`
and a missing object `<nil>`; JSON says null for all three, so the names have to tell.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.templates.nodes import Pipeline

_MAPS = frozenset(
    (
        "Annotations",
        "DriverOpts",
        "ExposedPorts",
        "Labels",
        "Options",
        "PortBindings",
        "Ports",
        "StorageOpt",
        "Sysctls",
        "Tmpfs",
        "Volumes",
    )
)
_POINTERS = frozenset(
    (
        "Health",
        "Healthcheck",
        "IPAMConfig",
        "Init",
        "MemorySwappiness",
        "OomKillDisable",
        "PidsLimit",
        "Platform",
        "StopTimeout",
        "Time",
    )
)
# Maps with free keys: one that is not there is no mistake in the template.
_FREE_KEYS = _MAPS | {"Networks"}
NO_VALUE = "<no value>"


def is_left_out(name: str, parent: str) -> bool:
    """Whether a missing `name` under `parent` is a value that the API just leaves out."""
    return name in _POINTERS or parent in _FREE_KEYS


def null_text(pipeline: Pipeline) -> str:
    """The text of a null that this pipeline gave."""
    operands = pipeline.commands[-1]
    if len(pipeline.commands) > 1 or len(operands) > 1 or not operands[0].fields:
        return NO_VALUE
    name = operands[0].fields[-1]
    if len(operands[0].fields) > 1 and operands[0].fields[-2] in _FREE_KEYS:
        return NO_VALUE
    if name in _POINTERS:
        return "<nil>"
    return "map[]" if name in _MAPS else "[]"
