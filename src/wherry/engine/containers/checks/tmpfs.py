"""Options of a tmpfs that would make another mount of it.

`bind` among them means a mount of what is called "tmpfs" where the engine happens to stand, and
the type means nothing then (mount(8), OCI runtime-spec config.md).
"""

from __future__ import annotations

from typing import Final

from wherry.engine.containers.config import HostConfig
from wherry.errors import Invalid

_OTHER_MOUNTS: Final = frozenset(("bind", "rbind", "remount", "move", "idmap", "ridmap"))


def check(host: HostConfig) -> None:
    """Look at `--tmpfs` and at `--mount type=tmpfs`. Raises Invalid."""
    for text in (host.tmpfs or {}).values():
        _check(text.split(","))
    for mount in host.mounts or ():
        options = mount.tmpfs_options
        _check([word for row in (options.options if options else None) or () for word in row])


def _check(words: list[str]) -> None:
    for word in words:
        if word.partition("=")[0].strip() in _OTHER_MOUNTS:
            raise Invalid(
                f"invalid tmpfs option {word!r}", hint="use size, mode, uid, gid, noexec, ..."
            )
