"""What is opened for a container outside of it: root, bind sources, /dev.

With a user namespace these belong to the host's, and are shown to the container through its id
maps; it could neither make nor map them itself.
"""

from __future__ import annotations

import os
import stat

from wherry.kernel import idmapped, mount, namespace
from wherry.kernel.fd import close_all
from wherry.kernel.namespace import outside
from wherry.kernel.overlay import overlay
from wherry.runtime import devfs
from wherry.runtime.failure import Failure, reason, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.start import Child

    Plan = dict[str, Any]
    Source = str | tuple[str, int]
    Maps = tuple[bytes, bytes]


class UserNamespace:
    """The container's own: a descriptor of it, and its maps as the host sees them."""

    __slots__ = ("fd", "maps")

    def __init__(self, fd: int, maps: Maps) -> None:
        self.fd = fd
        self.maps = maps

    @property
    def root(self) -> tuple[int, int]:
        """uid and gid outside of what is 0 inside."""
        return outside(self.maps[0], 0), outside(self.maps[1], 0)


def open_source(source: Source, fds: list[int]) -> int:
    """A descriptor of a namespace or directory given as ("fd", n) or path; a path's is new."""
    if isinstance(source, str):
        return os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    return fds[source[1]]


def open_sources(plan: Plan, child: Child, opened: list[int]) -> None:
    """Detached copies of all bind sources; those given as descriptors are detached already."""
    child.sources = []
    for source, recursive, _ in plan["sources"]:
        if isinstance(source, str):
            fd = kept(opened, named("mount", clone_path, source, recursive))
        else:
            fd = child.fds[source[1]]
        child.sources.append(fd)


def map_sources(plan: Plan, child: Child, userns: UserNamespace | None) -> None:
    """Show bind sources through their own maps, or, where they name none, the container's.

    A child that was born before may hold them already: the mounts are the same.
    """
    made: dict[Maps, int] = {}
    try:
        for fd, (source, _, mapping) in zip(child.sources, plan["sources"], strict=True):
            if mapping is not None:
                *maps, recursive = mapping
                owner = _namespace_of((maps[0], maps[1]), userns, made)
                named("mount", _map_source, fd, owner, recursive, source)
    finally:
        close_all(list(made.values()))


def _namespace_of(maps: Maps, userns: UserNamespace | None, made: dict[Maps, int]) -> int:
    if userns is not None and maps in (userns.maps, (b"", b"")):
        return userns.fd
    if maps == (b"", b""):
        raise Failure(22, "an id-mapped mount needs maps, or a user namespace", "mount")
    if maps not in made:
        made[maps] = named("mount", namespace.open_mapped_user_namespace, *maps)
    return made[maps]


def _map_source(fd: int, userns: int, recursive: bool, source: Source) -> None:
    try:
        idmapped.map_tree(fd, userns, recursive=recursive)
    except OSError as error:
        name = source if isinstance(source, str) else "a bind source"
        text = f"mapping the ids of {name}: {reason(error.errno or 0)}"
        why = "its file system may not support it (idmap=none mounts it as it is)"
        raise Failure(error.errno or 0, f"{text}; {why}") from None


def open_root(plan: Plan, child: Child, userns: UserNamespace | None, opened: list[int]) -> None:
    """The root's detached mount, seen through the container's maps where the plan says so."""
    kind, what = plan["root"]
    mapped = userns if plan["map_root"] else None
    if kind == "overlay" and mapped:
        made = named("rootfs", idmapped.mapped_overlay, what, mapped.fd, mapped.root, child.stage)
        child.root = kept(opened, made)
    elif kind == "overlay":
        child.root = kept(opened, named("rootfs", _overlay, what, child.stage))
    elif isinstance(what, str):
        child.root = kept(opened, named("rootfs", clone_path, what, True))
    else:
        child.root = child.fds[what[1]]
    if mapped and kind != "overlay":
        named("rootfs", idmapped.map_tree, child.root, mapped.fd)


def give_streams(child: Child, userns: UserNamespace) -> None:
    """Pipes belong to the container's root, or no program in it could open /dev/stdout anew.

    Anything else may be the caller's own (a terminal, a file) and is left alone.
    """
    for fd in child.stdio:
        if fd >= 0 and stat.S_ISFIFO(os.fstat(fd).st_mode):
            named("stdio", os.fchown, fd, *userns.root)


def make_dev(plan: Plan, child: Child, maps: Maps | None, opened: list[int]) -> None:
    """The /dev that a container in a user namespace cannot make itself."""
    if plan["devices"] and maps:
        child.dev = kept(opened, named("devices", devfs.make, *plan["devices"], maps))


def clone_path(path: str, recursive: bool) -> int:
    """A detached copy of what is mounted at `path`. Raises Failure."""
    try:
        return mount.clone_tree(path, recursive=recursive)
    except OSError as error:
        text = f"bind source path {path}: {reason(error.errno or 0)}"
        raise Failure(error.errno or 0, text, "mount") from None


def _overlay(options: list[str], stage: str) -> int:
    return overlay(options, stage=stage)


def kept(opened: list[int], fd: int) -> int:
    """`fd`, remembered to be closed."""
    opened.append(fd)
    return fd


def named(step: str, function: Any, *arguments: Any) -> Any:
    """The function's result; an OSError becomes a Failure of `step`."""
    try:
        return function(*arguments)
    except OSError as error:
        raise Failure(error.errno or 0, f"{step}: {text_of(error)}", step) from None
