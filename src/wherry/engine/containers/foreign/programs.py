"""The runtimes that a container can name: ours, those of the settings, those found on PATH, paths.

| name | what runs |
|---|---|
| "" | the daemon's default runtime |
| wherry | the built-in one |
| io.containerd.runc.v2 | the built-in one: what Docker's clients call their default |
| a name of the setting `runtimes` | the program there, with its arguments |
| runc, crun, runsc | the program of that name, where it is installed |
| an absolute path | that program, with the arguments of the known one it has the name of |
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from wherry.errors import Invalid

BUILTIN: Final = "wherry"
ALIASES: Final = (BUILTIN, "io.containerd.runc.v2")

KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "runc": (),
    "crun": ("--cgroup-manager=cgroupfs",),
    # The platform that works everywhere. Its own network stack does not reach the name server at
    # 127.0.0.11, and Debian's release cannot use it on the newest kernels (docs/runtimes.md).
    "runsc": ("--platform=ptrace", "--network=host"),
}
"""Runtimes that need no configuration, and their arguments then."""

SANDBOXES: Final = ("runsc",)
"""Runtimes whose containers have a kernel of their own: namespaces of the host mean nothing there,
and what changes their files from outside is not seen while they run."""

ISOLATION: Final[Mapping[str, str]] = {"": "", "default": "", "process": "", "gvisor": "runsc"}
"""The runtime that `--isolation` stands for; "" is any."""


@dataclass(frozen=True, slots=True)
class OciProgram:
    """A runtime that is told what to do by its command line.

    `name` is what containers call it, `path` absolute, `args` stand before the verb.
    """

    name: str
    path: str
    args: tuple[str, ...] = ()

    def note(self) -> dict[str, Any]:
        """The same as plain values."""
        return {"name": self.name, "path": self.path, "args": list(self.args)}

    @property
    def kind(self) -> str:
        """Whose quirks it has: the name of its file."""
        return os.path.basename(self.path)

    @property
    def is_sandbox(self) -> bool:
        """Whether its containers have a kernel of their own."""
        return self.kind in SANDBOXES


@dataclass(frozen=True, slots=True)
class RuntimeSettings:
    """What the daemon's user said of runtimes: programs by name, and the default's name."""

    runtimes: Mapping[str, OciProgram] = field(default_factory=dict)
    default: str = BUILTIN


class Programs:
    """Finds runtimes by name."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self._settings = settings

    @property
    def default(self) -> str:
        """The name that a container gets that names none."""
        return self._settings.default

    def find(self, name: str) -> OciProgram | None:
        """The program of that name, None for the built-in runtime. Raises Invalid."""
        name = name or self.default
        if found := self._settings.runtimes.get(name):
            return found
        if name in ALIASES:
            return None
        path = name if name.startswith("/") else shutil.which(name) if name in KNOWN else None
        if path is None:
            raise Invalid(f"unknown or invalid runtime name: {name}", hint=_hint(name))
        if not os.path.isfile(path) or not os.access(path, os.X_OK):
            raise Invalid(
                f"unknown or invalid runtime name: {name}", hint="no program can be executed there"
            )
        return OciProgram(name, path, KNOWN.get(os.path.basename(path), ()))

    def listed(self) -> dict[str, OciProgram]:
        """Every runtime that has a name here, as `info` tells it; ours stands for itself."""
        found = {name: shutil.which(name) for name in KNOWN}
        return {
            BUILTIN: OciProgram(BUILTIN, BUILTIN),
            **{name: OciProgram(name, path, KNOWN[name]) for name, path in found.items() if path},
            **self._settings.runtimes,
        }

    def check_default(self) -> None:
        """Raises Invalid unless there is the default runtime."""
        try:
            self.find("")
        except Invalid as error:
            raise Invalid(
                f"specified default runtime '{self.default}' does not exist", hint=error.hint
            ) from None

    def chosen(self, runtime: str, isolation: str) -> str:
        """The name that `--runtime` and `--isolation` ask for together. Raises Invalid."""
        return name_for(runtime, isolation) or self.default


def name_for(runtime: str, isolation: str) -> str:
    """The same without the default, "" where nothing was asked for. Raises Invalid."""
    try:
        wanted = ISOLATION[isolation.lower()]
    except KeyError:
        raise Invalid(
            f"invalid isolation '{isolation}' on linux", hint="write default, process or gvisor"
        ) from None
    if not wanted or runtime in ("", wanted):
        return runtime or wanted
    raise Invalid(
        f"isolation '{isolation}' needs the runtime {wanted}, and {runtime} was asked for",
        hint="leave one of --isolation and --runtime out",
    )


def _hint(name: str) -> str:
    if name in KNOWN:
        return f"install {name}, or leave --runtime out for the built-in one"
    return "name one of the daemon's setting 'runtimes', or an absolute path"
