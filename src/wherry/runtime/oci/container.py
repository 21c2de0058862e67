"""A container as wherry-oci remembers it between two commands: state.json under --root.

Nothing is kept running for it, so what it does now is read from the kernel each time: whether the
process with this pid still is the one that was started then (pids are used again; the start time
tells them apart), whether it still waits for `start` (its fifo is there), whether it is frozen.
"""

from __future__ import annotations

import os
import time

from wherry import jsontext
from wherry.kernel.cgroup.cgroup import Cgroup
from wherry.runtime.oci.refusal import BAD_ID, NOT_THERE, Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Spec = dict[str, Any]

FORMAT = 1
STATE, FIFO = "state.json", "exec.fifo"
CREATED, RUNNING, PAUSED, STOPPED = "created", "running", "paused", "stopped"
ID_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")


class Container:
    """One container: what was written down, and what the kernel says about it."""

    __slots__ = (
        "bundle",
        "cgroup",
        "created",
        "directory",
        "id",
        "owner",
        "pid",
        "spec",
        "started",
    )

    def __init__(self, directory: str, id: str, bundle: str, spec: Spec, cgroup: Cgroup) -> None:
        """`directory`: its own under --root. `spec` is its config.json."""
        self.directory = directory
        self.id = id
        self.bundle = bundle
        self.spec = spec
        self.cgroup = cgroup
        self.created = timestamp(time.time_ns())
        self.owner = os.getuid()
        self.pid = 0
        self.started = 0

    @property
    def rootfs(self) -> str:
        """The absolute path of the root file system."""
        return os.path.normpath(os.path.join(self.bundle, self.spec["root"]["path"]))

    @property
    def fifo(self) -> str:
        """The fifo that `start` writes into."""
        return f"{self.directory}/{FIFO}"

    def adopt(self, pid: int) -> None:
        """Remember the first process, by pid and start time."""
        self.pid = pid
        self.started = process_state(pid)[1]

    def save(self) -> None:
        """Write state.json, whole or not at all; runtime state need not survive power loss."""
        value = {
            "format": FORMAT,
            "id": self.id,
            "bundle": self.bundle,
            "created": self.created,
            "owner": self.owner,
            "pid": self.pid,
            "started": self.started,
            "cgroup": {"v1": self.cgroup.v1, "v2": self.cgroup.v2},
            "spec": self.spec,
        }
        temporary = f"{self.directory}/{STATE}.new"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(jsontext.encode_ascii(value))
        os.rename(temporary, f"{self.directory}/{STATE}")

    def alive(self) -> bool:
        """Whether the first process is still there, and no zombie."""
        state, started = process_state(self.pid)
        return self.pid > 0 and started == self.started and state not in ("", "Z", "X")

    def status(self) -> str:
        """ "created", "running", "paused" or "stopped"."""
        if not self.alive():
            return STOPPED
        if self.cgroup.frozen():
            return PAUSED
        return CREATED if os.path.exists(self.fifo) else RUNNING

    def state(self, status: str = "") -> dict[str, Any]:
        """The state of the runtime specification ("State"), as hooks get it on standard input."""
        status = status or self.status()
        state = {
            "ociVersion": self.spec["ociVersion"],
            "id": self.id,
            "status": status,
            "pid": 0 if status == STOPPED else self.pid,
            "bundle": self.bundle,
        }
        if self.spec.get("annotations"):
            state["annotations"] = self.spec["annotations"]
        return state


def timestamp(nanoseconds: int) -> str:
    """RFC 3339 with nanoseconds, UTC."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:09d}Z"


def process_state(pid: int) -> tuple[str, int]:
    """(state letter, start time in ticks since boot) from /proc/PID/stat; ("", 0) if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return "", 0
    return fields[0].decode(), int(fields[19])


def remove_directory(directory: str) -> None:
    """Remove a container's directory: files, and empty directories on which a root was staged."""
    for entry in list(os.scandir(directory)):
        if entry.is_dir(follow_symlinks=False):
            os.rmdir(entry.path)
        else:
            os.unlink(entry.path)
    os.rmdir(directory)


def check_id(id: str) -> None:
    """Refuse an id that could leave --root or confuse a cgroup path."""
    if not id or not ID_LETTERS.issuperset(id) or id in (".", ".."):
        raise Refusal(BAD_ID)


def load(root: str, id: str) -> Container:
    """The container `id` under `root`; Refusal when there is none."""
    if not id:
        raise Refusal("container id cannot be empty")
    check_id(id)
    directory = os.path.join(root, id)
    try:
        value = jsontext.read(f"{directory}/{STATE}")
    except FileNotFoundError:
        raise Refusal(NOT_THERE) from None
    if value.get("format") != FORMAT:
        raise Refusal(f"{directory}/{STATE} was not written by this version of wherry-oci")
    cgroup = Cgroup(value["cgroup"]["v1"], value["cgroup"]["v2"])
    container = Container(directory, id, value["bundle"], value["spec"], cgroup)
    container.created, container.owner = value["created"], value["owner"]
    container.pid, container.started = value["pid"], value["started"]
    return container


def the_only(words: list[str], name: str) -> str:
    """The one argument of a command; runc's complaint otherwise."""
    if len(words) != 1:
        raise Refusal(f'wherry-oci: "{name}" requires exactly 1 argument(s)')
    return words[0]
