"""SELinux: the contexts of a container's processes and files, and its pair of categories.

A container's level has two categories that no other container of this engine has, so that the
kernel keeps containers of one type apart (MCS). Types come from the policy's `lxc_contexts`, which
container engines share. Without that file a policy knows nothing of containers, and no label is
set.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.engine.containers.spec import securityopt
from wherry.errors import Invalid
from wherry.kernel import lsm

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from wherry.engine.containers.config import HostConfig

CATEGORIES: Final = 1024
SHARED: Final = "s0"
"""The level of what all containers may use: no category."""
_NO_CONTAINER: Final = f"s0:c{CATEGORIES - 2},c{CATEGORIES - 1}"
"""The level of files of containers whose processes have no label."""
_PARTS: Final = ("user", "role", "type", "level")
_BAD_OPTION: Final = (
    "bad label option \"{}\", valid options 'disable' or \n"
    "'user, role, level, type, filetype' followed by ':' and a value"
)


@dataclass(frozen=True, slots=True)
class Context:
    """A security context, `user:role:type:level`; the level may have colons of its own."""

    user: str
    role: str
    type: str
    level: str = ""

    @classmethod
    def parse(cls, text: str) -> Context:
        """Raises ValueError for what has fewer than three parts."""
        user, role, type, *level = text.split(":", 3)
        return cls(user, role, type, "".join(level))

    def __str__(self) -> str:
        """As the kernel writes it."""
        return ":".join(filter(None, (self.user, self.role, self.type, self.level)))


@dataclass(slots=True)
class SELinux:
    """The machine's SELinux. The fields are for tests: is it active, where is its policy."""

    active: Callable[[], bool] = lsm.selinux_active
    directory: Path = Path("/etc/selinux")

    def usable(self) -> bool:
        """Whether containers get labels: a policy is loaded, and it knows containers."""
        return self.active() and self._contexts() is not None

    def labels_of(
        self, host: HostConfig, taken: Collection[str], lenders: Sequence[str]
    ) -> tuple[str, str]:
        """Contexts of processes and files, "" for none. Raises Invalid.

        `taken` are the contexts of files of the other containers, `lenders` those of the processes
        of containers whose ipc or pid namespace this one joins: it gets their label.
        """
        contexts = self._contexts() if self.active() else None
        if contexts is None:
            return "", ""
        process, files = contexts
        options = securityopt.of(host).labels
        host_s = host.privileged or "host" in (host.ipc_mode, host.pid_mode)
        if "disable" in options or (host_s and not options):
            return "", str(replace(files, level=_NO_CONTAINER))
        if process.level:
            level = _pair(taken)
            process, files = replace(process, level=level), replace(files, level=level)
        if not options and lenders:
            process = _agreed(lenders)
            files = replace(files, user=process.user, level=process.level)
        return _with_options(process, files, options)

    def of_layers(self) -> str:
        """The context of files below a container's root, "" where containers get no labels.

        A container reads them under its own context, except that the kernel looks at the files
        below an overlay when a mapping's protection changes (mprotect(2)).
        """
        if not self.usable():
            return ""
        words = self._words()
        return words.get("ro_file") or words["file"]

    def _contexts(self) -> tuple[Context, Context] | None:
        """Those of processes and files, as the policy has them."""
        found = self._words()
        try:
            return Context.parse(found["process"]), Context.parse(found["file"])
        except (KeyError, ValueError):
            return None

    def _words(self) -> dict[str, str]:
        return {
            key.strip(): value.strip().strip('"')
            for line in self._read("contexts/lxc_contexts")
            for key, separator, value in [line.partition("=")]
            if separator and not line.startswith(("#", ";"))
        }

    def _read(self, name: str) -> list[str]:
        try:
            config = (self.directory / "config").read_text().splitlines()
            kinds = [line.split("=", 1)[1] for line in config if line.startswith("SELINUXTYPE=")]
            text = (self.directory / (kinds or ["targeted"])[-1].strip() / name).read_text()
        except OSError:
            return []
        return [line.strip() for line in text.splitlines()]


def _pair(taken: Collection[str]) -> str:
    """A level with two categories that none of these contexts has. Raises Invalid."""
    levels = {Context.parse(text).level for text in taken if text} | {_NO_CONTAINER}
    for _ in range(4 * CATEGORIES):
        low, high = sorted((secrets.randbelow(CATEGORIES), secrets.randbelow(CATEGORIES)))
        level = f"s0:c{low},c{high}"
        if low != high and level not in levels:
            return level
    raise Invalid("no pair of SELinux categories is free", hint="remove containers")


def _agreed(lenders: Sequence[str]) -> Context:
    if len(set(lenders)) > 1:
        raise Invalid("--ipc and --pid containers SELinux labels aren't the same")
    return Context.parse(lenders[0])


def _with_options(process: Context, files: Context, options: Sequence[str]) -> tuple[str, str]:
    for option in options:
        key, separator, value = option.partition(":")
        if not separator or key not in (*_PARTS, "filetype"):
            raise Invalid(_BAD_OPTION.format(option))
        if key == "filetype":
            files = replace(files, type=value)
            continue
        process = replace(process, **{key: value})
        if key in ("user", "level"):
            files = replace(files, **{key: value})
    return str(process), str(files)
