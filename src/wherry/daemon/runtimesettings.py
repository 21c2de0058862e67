"""The daemon's settings of other OCI runtimes: Docker's `runtimes` and `default-runtime`.

    "runtimes": {"mine": {"path": "/usr/local/bin/runsc", "runtimeArgs": ["--platform=kvm"]}}

Source: dockerd's daemon.json, without what is containerd's (`runtimeType`, `options`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wherry.engine.containers.foreign.programs import (
    ALIASES,
    BUILTIN,
    KNOWN,
    OciProgram,
    RuntimeSettings,
)
from wherry.errors import Invalid

_KEYS: Final = {"path", "runtimeArgs"}
_EXAMPLE: Final = 'write {"path": "/usr/bin/crun", "runtimeArgs": []}'


def settings(runtimes: Mapping[str, Any], default: str) -> RuntimeSettings:
    """The settings; a value may be a path alone (from a flag). Raises Invalid."""
    programs = {name: _program(name, given) for name, given in runtimes.items()}
    return RuntimeSettings(programs, default or BUILTIN)


def _program(name: str, given: object) -> OciProgram:
    if name in ALIASES or name.startswith("io.containerd."):
        raise Invalid(f"runtime name '{name}' is reserved", hint="choose another name")
    fields = {"path": given} if isinstance(given, str) else given
    if not isinstance(fields, dict):
        raise Invalid(f"invalid runtime '{name}' in the daemon's settings", hint=_EXAMPLE)
    if unknown := sorted(fields.keys() - _KEYS):
        raise Invalid(
            f"runtime '{name}': {', '.join(unknown)} cannot be set: there is no containerd here",
            hint=_EXAMPLE,
        )
    path, args = fields.get("path"), fields.get("runtimeArgs")
    if not isinstance(path, str) or not path.startswith("/"):
        raise Invalid(f"runtime '{name}' needs an absolute path", hint=_EXAMPLE)
    return OciProgram(name, path, _arguments(name, path, args))


def _arguments(name: str, path: str, given: object) -> tuple[str, ...]:
    """What stands before the verb; where nothing is said, what a program of that name needs."""
    if given is None:
        return KNOWN.get(path.rpartition("/")[2], ())
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise Invalid(f"runtimeArgs of runtime '{name}' must be a list of strings")
    return tuple(given)
