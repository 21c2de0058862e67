"""Make a container's first process from a launch plan.

The caller (the launcher, or wherry-oci in one shot) does what needs the host: opens sources and
namespaces, makes the root's mount, writes id maps. Everything else is the child's.

With a new user namespace the root can only be mapped when that namespace exists, which is when the
child does: the child waits at a gate, through which the root's mount is handed to it.
"""

from __future__ import annotations

import _socket
import os
import struct

from wherry.kernel import namespace
from wherry.kernel.fd import close_all
from wherry.kernel.namespace import CLONE_NEWPID, CLONE_NEWTIME, CLONE_NEWUSER
from wherry.kernel.process import clone3, set_dumpable
from wherry.runtime import child as container_child
from wherry.runtime import outside
from wherry.runtime.failure import Failure, text_of
from wherry.runtime.go_between import clone_inside
from wherry.runtime.outside import UserNamespace, kept, named, open_source
from wherry.runtime.own_namespaces import Excursion
from wherry.runtime.start import Child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    Plan = dict[str, Any]
    Entered = list[tuple[int, int]]

# A process moves into these only by birth; all others a child can join by itself, which is cheaper
# than a journey of ours there and back.
_JOINED_BY_BIRTH = CLONE_NEWPID | CLONE_NEWTIME


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
        userns = _joined_user_namespace(entered)
        outside.open_sources(plan, child, opened)
        outside.make_dev(plan, child, userns.maps if userns else plan["maps"], opened)
        if plan["maps"]:
            pid, pidfd = _launch_mapped(plan, child, entered, flags, opened)
        else:
            if userns:
                outside.give_streams(child, userns)
            outside.map_sources(plan, child, userns)
            outside.open_root(plan, child, userns, opened)
            pid, pidfd = _clone(plan, child, entered, flags, opened)
        return Launched(pid, pidfd, _root_to_keep(child, opened))
    finally:
        close_all(opened)


def _root_to_keep(child: Child, opened: list[int]) -> int:
    if child.root not in opened:
        return os.dup(child.root)
    opened.remove(child.root)
    return child.root


def _open_namespaces(plan: Plan, child: Child, opened: list[int]) -> Entered:
    entered = []
    for flag, source in plan["enter"]:
        fd = named("namespace", open_source, source, child.fds)
        if isinstance(source, str):
            opened.append(fd)
        entered.append((flag, fd))
    return entered


def _joined_user_namespace(entered: Entered) -> UserNamespace | None:
    for flag, fd in entered:
        if flag == CLONE_NEWUSER:
            maps = named("user_namespace", namespace.read_id_maps, fd)
            return UserNamespace(fd, maps)
    return None


def _launch_mapped(
    plan: Plan, child: Child, entered: Entered, flags: int, opened: list[int]
) -> tuple[int, int]:
    """With a new user namespace: clone, write its maps, make the root in it, let the child go."""
    ours, its = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    try:
        pid, pidfd = _clone(plan, child, entered, flags, opened, (ours, its))
        opened.append(pidfd)
        named("user_namespace", namespace.write_id_maps, pid, *plan["maps"])
        fd = kept(opened, named("user_namespace", open_source, f"/proc/{pid}/ns/user", []))
        userns = UserNamespace(fd, plan["maps"])
        outside.give_streams(child, userns)
        outside.map_sources(plan, child, userns)
        outside.open_root(plan, child, userns, opened)
        _open_gate(ours, child.root)
        opened.remove(pidfd)
    finally:
        ours.close()
        its.close()
    return pid, pidfd


def _open_gate(gate: _socket.socket, root: int) -> None:
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("=i", root))]
    try:
        gate.sendmsg([b"1"], rights, _socket.MSG_NOSIGNAL)
    except BrokenPipeError:
        pass  # the child was killed meanwhile: its status socket tells


def _pass_gate(gate: _socket.socket) -> int:
    """The root's mount; a gate that closes without it means that the parent has told why."""
    word, ancillary, *_ = gate.recvmsg(1, _socket.CMSG_SPACE(4), _socket.MSG_CMSG_CLOEXEC)
    if not word:
        os._exit(container_child.EXIT_FAILED)
    fd: int = struct.unpack("=i", ancillary[0][2])[0]
    return fd


def _clone(
    plan: Plan,
    child: Child,
    entered: Entered,
    flags: int,
    opened: list[int],
    gate: tuple[_socket.socket, _socket.socket] | None = None,
) -> tuple[int, int]:
    """clone3 from within the namespaces to be joined; the child goes its own way from here."""
    into = -1
    if plan["into"]:
        into = kept(opened, named("cgroup", _open_directory, plan["into"]))
    own = [row for row in entered if _joins_by_itself(row[0], plan)]
    shared = [row for row in entered if row not in own]
    new_time = bool(plan["clone"] & CLONE_NEWTIME and plan["offsets"])
    clone_flags = plan["clone"] & ~(CLONE_NEWTIME if new_time else 0)

    def be_child() -> NoReturn:
        _be_child(plan, child, own, gate)

    try:
        if any(flag == CLONE_NEWUSER for flag, _ in entered):
            return clone_inside(shared, clone_flags, flags, into, be_child)
        with Excursion(shared, new_time=new_time):
            if new_time:
                namespace.write_time_offsets(plan["offsets"])
            pid, pidfd = clone3(clone_flags | flags, cgroup_fd=into)
            if pid == 0:
                be_child()
    except OSError as error:
        raise Failure(error.errno or 0, f"namespaces: {text_of(error)}", "namespace") from None
    return pid, pidfd


def _joins_by_itself(flag: int, plan: Plan) -> bool:
    """A child that is born in another user namespace has no rights over namespaces of the host."""
    mapped = plan["maps"] or any(kind == CLONE_NEWUSER for kind, _ in plan["enter"])
    return not mapped and not flag & _JOINED_BY_BIRTH


def _be_child(
    plan: Plan,
    child: Child,
    own: Entered,
    gate: tuple[_socket.socket, _socket.socket] | None,
) -> NoReturn:
    set_dumpable(False)
    if gate:
        gate[0].close()
        child.root = _pass_gate(gate[1])
        gate[1].close()
    try:
        for flag, fd in own:
            namespace.setns(fd, flag)
    except OSError as error:
        text = f"namespaces: {text_of(error)}"
        container_child.report(child.status, "namespace", error.errno or 0, text)
        os._exit(container_child.EXIT_FAILED)
    container_child.run(plan, child)


def _open_directory(path: str) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
