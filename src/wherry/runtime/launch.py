"""Make a container's first process from a launch plan.

The caller (the launcher, or wherry-oci in one shot) does what needs the host: opens sources and
namespaces, makes the root's mount, writes id maps. Everything else is the child's.
"""

from __future__ import annotations

import os

from wherry.kernel import mount, namespace
from wherry.kernel.fd import AT_RECURSIVE, close_all
from wherry.kernel.namespace import CLONE_NEWNS, CLONE_NEWTIME, CLONE_NEWUSER
from wherry.kernel.overlay import overlay
from wherry.kernel.process import clone3, set_dumpable
from wherry.runtime import child as container_child
from wherry.runtime import devfs
from wherry.runtime.failure import Failure, reason, text_of
from wherry.runtime.own_namespaces import Excursion
from wherry.runtime.start import Child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    Plan = dict[str, Any]
    Source = str | tuple[str, int]

_UNSUPPORTED = 95
_JOINED_BY_CHILD = CLONE_NEWNS


class Launched:
    """A child that was made: its pid, its pidfd, and the root's mount, all the caller's now.

    Whoever holds `root` keeps the last exiting process from unmounting it, which would sync the
    whole file system below and delay the exit by as much.
    """

    __slots__ = ("pid", "pidfd", "root")

    def __init__(self, pid: int, pidfd: int, root: int) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.root = root


def launch(plan: Plan, child: Child, flags: int) -> Launched:
    """Start the container that `plan` describes; `flags` are CLONE_PARENT or 0.

    `child` holds status socket, streams, plan descriptors and stage. The descriptors stay the
    caller's. Raises Failure; what the child itself meets later comes over its status socket.
    """
    opened: list[int] = []
    try:
        entered = _open_namespaces(plan, child, opened)
        _open_sources(plan, child, opened)
        _open_root(plan, child, opened)
        if plan["devices"]:
            child.dev = _kept(opened, _named("devices", devfs.make, *plan["devices"]))
        pid, pidfd = _clone(plan, child, entered, flags, opened)
        root = child.root
        if root in opened:
            opened.remove(root)
        else:
            root = os.dup(root)
        return Launched(pid, pidfd, root)
    finally:
        close_all(opened)


def open_source(source: Source, fds: list[int]) -> int:
    """A descriptor of a namespace or directory given as ("fd", n) or path; a path's is new."""
    if isinstance(source, str):
        return os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    return fds[source[1]]


def _open_namespaces(plan: Plan, child: Child, opened: list[int]) -> list[tuple[int, int]]:
    entered = []
    for flag, source in plan["enter"]:
        if flag == CLONE_NEWUSER:
            raise Failure(
                _UNSUPPORTED,
                "joining the user namespace of another container is not supported yet",
                "namespace",
            )
        fd = _named("namespace", open_source, source, child.fds)
        if isinstance(source, str):
            opened.append(fd)
        entered.append((flag, fd))
    return entered


def _open_sources(plan: Plan, child: Child, opened: list[int]) -> None:
    """Detached copies of all bind sources; those given as descriptors are detached already."""
    child.sources = []
    for source, recursive, maps in plan["sources"]:
        if isinstance(source, str):
            fd = _kept(opened, _named("mount", _clone_path, source, recursive))
        else:
            fd = child.fds[source[1]]
        if maps:
            _named("mount", _map_ids, fd, maps)
        child.sources.append(fd)


def _clone_path(path: str, recursive: bool) -> int:
    try:
        return mount.clone_tree(path, recursive=recursive)
    except OSError as error:
        text = f"bind source path {path}: {reason(error.errno or 0)}"
        raise Failure(error.errno or 0, text, "mount") from None


def _map_ids(fd: int, maps: tuple[bytes, bytes]) -> None:
    userns = namespace.open_mapped_user_namespace(*maps)
    try:
        mount.mount_setattr(fd, "", AT_RECURSIVE, mount.MOUNT_ATTR_IDMAP, userns_fd=userns)
    finally:
        os.close(userns)


def _open_root(plan: Plan, child: Child, opened: list[int]) -> None:
    kind, what = plan["root"]
    if kind == "overlay":
        child.root = _kept(opened, _named("rootfs", _overlay, what, child.stage))
    elif isinstance(what, str):
        child.root = _kept(opened, _named("rootfs", _clone_path, what, True))
    else:
        child.root = child.fds[what[1]]


def _overlay(options: list[str], stage: str) -> int:
    return overlay(options, stage=stage)


def _clone(
    plan: Plan, child: Child, entered: list[tuple[int, int]], flags: int, opened: list[int]
) -> tuple[int, int]:
    """clone3 from within the namespaces to be joined; the child goes its own way from here."""
    into = -1
    if plan["into"]:
        into = _kept(opened, _named("cgroup", _open_directory, plan["into"]))
    gate = _pipe(opened) if plan["maps"] else None
    shared = [row for row in entered if not row[0] & _JOINED_BY_CHILD]
    own = [row for row in entered if row[0] & _JOINED_BY_CHILD]
    new_time = bool(plan["clone"] & CLONE_NEWTIME and plan["offsets"])
    clone_flags = plan["clone"] & ~(CLONE_NEWTIME if new_time else 0) | flags
    try:
        with Excursion(shared, new_time=new_time):
            if new_time:
                namespace.write_time_offsets(plan["offsets"])
            pid, pidfd = clone3(clone_flags, cgroup_fd=into)
            if pid == 0:
                _be_child(plan, child, own, gate)
    except OSError as error:
        raise Failure(error.errno or 0, f"namespaces: {text_of(error)}", "namespace") from None
    if gate:
        _named("user_namespace", _let_go, pid, plan["maps"], gate[1])
    return pid, pidfd


def _be_child(
    plan: Plan, child: Child, own: list[tuple[int, int]], gate: tuple[int, int] | None
) -> NoReturn:
    set_dumpable(False)
    if gate:
        os.close(gate[1])
        if not os.read(gate[0], 1):
            os._exit(container_child.EXIT_FAILED)  # no maps: the parent has told why
    for flag, fd in own:
        namespace.setns(fd, flag)
    container_child.run(plan, child)


def _let_go(pid: int, maps: tuple[bytes, bytes], gate: int) -> None:
    namespace.write_id_maps(pid, *maps)
    os.write(gate, b"1")


def _pipe(opened: list[int]) -> tuple[int, int]:
    pipe = os.pipe2(os.O_CLOEXEC)
    opened.extend(pipe)
    return pipe


def _open_directory(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _kept(opened: list[int], fd: int) -> int:
    opened.append(fd)
    return fd


def _named(step: str, function: Any, *arguments: Any) -> Any:
    """The function's result; an OSError becomes a Failure of `step`."""
    try:
        return function(*arguments)
    except OSError as error:
        raise Failure(error.errno or 0, f"{step}: {text_of(error)}", step) from None
