"""What the copy worker is told about a container: its running process, or the parts of its root."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from wherry.engine.containers import bindsources
from wherry.engine.containers.runtime import SUBPATH
from wherry.engine.containers.spec.mounts import own_files, user_mounts
from wherry.engine.copying.view import hidden
from wherry.errors import Conflict

if TYPE_CHECKING:
    from wherry.engine.containers.record import Container
    from wherry.storage.snapshot import Snapshotter

View = dict[str, Any]


@contextlib.contextmanager
def running_view(record: Container) -> Iterator[tuple[View, list[int]]]:
    """The view of a running container and its pidfd, open while the block lasts.

    Raises Conflict when it has just ended.
    """
    pid = record.state.pid
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        raise _ended(record) from None
    try:
        if not _is_of(record, pid):
            raise _ended(record)
        targets = [mount["destination"] for mount in user_mounts(record)]
        view = {
            "kind": "running",
            "pidfd": pidfd,
            "userns": _namespace(pid, "user") != _namespace("self", "user"),
            "hidden": hidden(targets),
        }
        yield view, [pidfd]
    finally:
        os.close(pidfd)


def _is_of(record: Container, pid: int) -> bool:
    """Whether the process is the container's and not one that got its number since."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
            return record.id in file.read()
    except OSError:
        return False


def _namespace(pid: int | str, kind: str) -> int:
    return os.stat(f"/proc/{pid}/ns/{kind}").st_ino


def _ended(record: Container) -> Conflict:
    return Conflict(f"container {record.id} has just ended", hint="try again")


def stopped_view(record: Container, snapshotter: Snapshotter, *, writable: bool) -> View:
    """The view of a container that does not run: its root and what it would mount but tmpfs.

    Raises Invalid for a bind source that is not there.
    """
    bindsources.prepare(record.mounts)
    os.makedirs(record.directory, mode=0o710, exist_ok=True)
    (root,) = snapshotter.mounts(record.id)
    binds = [*own_files(record), *user_mounts(record)]
    return {
        "kind": "stopped",
        "stage": record.directory,
        "root": (root.type, root.source, root.options),
        "writable": writable,
        "read_only": bool(record.host_config.readonly_rootfs),
        "binds": [
            _bind(mount)
            for mount in binds
            if mount["type"] == "bind" and os.path.lexists(mount["source"])
        ],
    }


def _bind(mount: dict[str, Any]) -> dict[str, Any]:
    options = mount["options"]
    return {
        "source": mount["source"],
        "subpath": mount.get(SUBPATH, ""),
        "target": mount["destination"],
        "recursive": "rbind" in options,
        "read_only": "ro" in options or "rro" in options,
    }
