"""The role `Runtime`: what the engine needs from whatever runs processes in containers.

An implementation is told to start a container's process from a `Bundle` (values only, nothing of
Docker in it), and gives back a `Running`. Implementation: `builtin.BuiltinRuntime` (cgroup and
keeper), which makes containers by a plan of our own or has another OCI runtime make them
(`ways.Way`). The contract suite is tests/contract/runtime.

Stream ids: a container's first process has the container's id, an exec has its exec id.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio

    from wherry.engine.containers.foreign.programs import OciProgram
    from wherry.engine.containers.spec.landlock import Ruleset
    from wherry.kernel.mount import Mount

STDOUT, STDERR = 1, 2

SUBPATH = "org.wherry.subpath"
"""Key of a bind mount in a bundle's spec: the path below `source` that is mounted. It is looked up
with `source` as the root directory, so that no symbolic link leads out of it."""


LAYERS = "org.wherry.layers"
"""Key of a bind mount in a bundle's spec: options of an overlay that is mounted, there being no
`source`. It is seen through the container's id maps, as its root is."""


class LaunchError(Exception):
    """The process could not be started; nothing of it is left but its cgroup (see `release`).

    `step` names what failed, in the words of the plan (`find`, `exec`, `user`, `mount`, ...;
    `launcher` when the launcher itself died, `keeper` when the request could not be served),
    `errno` is the kernel's, or 0, and `text` says what failed, on what and why, in a whole
    sentence. The engine turns it into Docker's message and exit code 125, 126 or 127.
    """

    def __init__(self, step: str, errno: int, text: str) -> None:
        super().__init__(text)
        self.step = step
        self.errno = errno
        self.text = text


class KeeperGone(Exception):
    """The keeper went away, or cannot be started; the message says which and why."""


@dataclass(frozen=True, slots=True)
class WindowSize:
    """A terminal's size in characters."""

    height: int
    width: int


@dataclass(frozen=True, slots=True)
class LogTarget:
    """Where a container's output is kept, and how much of it.

    The driver is `bounded`: raw bytes plus index in `directory` (made at the first byte), read by
    `wherry.engine.containers.logs`. Or `json-file`: Docker's file `<id>-json.log` in `directory`,
    bounded by `max_size` and `max_files`, as a copy beside a bounded log, from which the engine
    reads. `bytes_directory` is where to read in either case.
    """

    directory: str
    max_size: int = 20_000_000  # bytes of one file, its index included
    max_files: int = 5
    driver: str = "bounded"

    @property
    def bytes_directory(self) -> str:
        """The directory of the raw log."""
        return f"{self.directory}/log" if self.driver == "json-file" else self.directory


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything needed to start a container's first process.

    `spec` is an OCI config.json as a value, without `linux.seccomp` and `root` (they are given
    compiled and mounted: `seccomp` is the BPF program, `rootfs` the snapshotter's mounts, or the
    path of a directory that is there already). `linux.cgroupsPath` is the cgroup's path,
    `linux.resources` its limits. `user` is as a user types it (`name[:group]`, looked up in the
    image's own files; empty: take `process.user`), `groups` are further groups by name or number.
    `log` None: output is kept only until it was followed (driver `none`). `follow`: somebody will
    call `Running.stream.follow` for what is written from the start on, and the process waits for
    them rather than that a byte is dropped (an attach that came before the start).

    User namespaces: a row {"type": "user"} in `spec["linux"]["namespaces"]` with
    `linux.uidMappings` and `gidMappings` (OCI rows, 0 must be mapped, and 5, the group of
    terminals) makes one, or with a "path" joins one (whose maps count then;
    other runtimes want them in the spec, too). Namespaces without a
    path belong to it, so a network namespace of the container's own must be new, or have been made
    in that user namespace. `rootfs` is shown through the maps by id-mapped mounts, the writable
    layer too: nothing is chowned or copied, and snapshots hold the container's own ids whatever the
    map is (decision 101). Binds are not mapped unless told: the option "idmap" (with the mounts
    below: "ridmap") takes the container's maps, a mount's own `uidMappings` and `gidMappings` take
    those (`containerID`: the owner on disk, `hostID`: the number that the host sees it as, to which
    the container's own maps apply). The engine's files (/etc/hosts and so on) want "idmap".
    `user` and all ids in `process` and `linux.devices` are as inside.

    `program` names another OCI runtime to do it, None is our own; it wants the seccomp filter as
    `linux.seccomp` in the spec, and `seccomp` is None then. `landlock` are rules for our own
    (`spec.landlock.ruleset`); OCI has no field for them.
    """

    spec: Mapping[str, Any]
    rootfs: Sequence[Mount] | str
    program: OciProgram | None = None
    seccomp: bytes | None = None
    landlock: Ruleset | None = None
    user: str = ""
    groups: Sequence[str] = ()
    create_cwd: bool = True
    terminal: bool = False
    open_stdin: bool = False
    window: WindowSize | None = None
    log: LogTarget | None = None
    follow: bool = False


@dataclass(frozen=True, slots=True)
class ExecProcess:
    """A further process for a running container.

    `process` is an OCI `process` object (args, env, cwd, user, capabilities, noNewPrivileges,
    rlimits, ...). `follow`: the caller will read the output; otherwise it is dropped as a ring of
    bounded size, so that the process never waits for a reader that does not come.
    """

    process: Mapping[str, Any]
    seccomp: bytes | None = None
    landlock: Ruleset | None = None
    user: str = ""
    groups: Sequence[str] = ()
    terminal: bool = False
    open_stdin: bool = False
    window: WindowSize | None = None
    follow: bool = True


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: `status` is the raw wait status, `time` nanoseconds since the epoch."""

    status: int
    time: int
    oom: bool = False

    @property
    def code(self) -> int:
        """The exit code as Docker tells it: 128 + n for a process killed by signal n."""
        if os.WIFSIGNALED(self.status):
            return 128 + os.WTERMSIG(self.status)
        return os.WEXITSTATUS(self.status)

    @property
    def signal(self) -> str:
        """The name of the signal that killed it (`SIGKILL`), empty when it left by itself."""
        if not os.WIFSIGNALED(self.status):
            return ""
        return signal.Signals(os.WTERMSIG(self.status)).name


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive bytes of one of a process's outputs, as they arrived.

    `stream` is STDOUT or STDERR (a terminal has only STDOUT), `offset` counts the bytes of both
    since the log began, `time` is the arrival in nanoseconds since the epoch.
    """

    stream: int
    offset: int
    time: int
    data: bytes

    @property
    def end(self) -> int:
        """The offset of the byte behind it."""
        return self.offset + len(self.data)


class Stdin(Protocol):
    """The way to a process's standard input."""

    async def write(self, data: bytes) -> None:
        """Give all bytes to the process; waits while its pipe is full.

        Raises BrokenPipeError when nobody can read them any more.
        """

    async def close(self) -> None:
        """End of file for the process (a terminal: nothing happens). Idempotent."""


class Stream(Protocol):
    """A process's input and output. Outlives the process until `Runtime.release`."""

    @property
    def id(self) -> str:
        """The container's id, or the exec's."""

    @property
    def terminal(self) -> bool:
        """Whether it is a terminal: then there is one output only, and no end of file."""

    @property
    def begin(self) -> int:
        """The log's offset when the process was started: what this run wrote begins here."""

    @property
    def stdin(self) -> Stdin | None:
        """Standard input, or None when the process was started without."""

    def follow(self, offset: int | None = None) -> AsyncGenerator[Chunk, None]:
        """Yield output from `offset` (None: from now) until the last byte, as it arrives.

        The caller is waited for: the process stops writing rather than that a byte is lost. Bytes
        older than the log's bound are skipped. Close the iterator (`aclosing`) when done early.
        Raises KeeperGone.
        """


@dataclass(frozen=True, slots=True)
class Running:
    """A process that was started, or found running by `list`.

    `exited` completes once the process was reaped, `ended` once the last byte of its output is in
    the log (later, or never, when something else holds its output open). Both complete with a
    KeeperGone when the keeper was lost.
    """

    id: str
    pid: int
    stream: Stream
    exited: asyncio.Future[Exit]
    ended: asyncio.Future[None]
    container: str = ""  # of an exec: the container it runs in
    execs: Mapping[str, Running] = field(default_factory=dict)  # of a container found by `list`


class Runtime(Protocol):
    """Starts processes and rules over them. Container ids are unique within one runtime.

    Every method raises NotFound (wherry.errors) for an id it does not know, Conflict when its
    process is gone already, and KeeperGone.
    """

    async def start(self, id: str, bundle: Bundle) -> Running:
        """Start the container's process; returns after its execve. Raises LaunchError."""

    async def exec(self, id: str, exec_id: str, process: ExecProcess) -> Running:
        """Start a further process in a running container. Raises LaunchError."""

    async def signal(self, id: str, signo: int) -> None:
        """Send a signal to the process of a container or an exec."""

    async def pause(self, id: str) -> None:
        """Freeze every process of the container."""

    async def resume(self, id: str) -> None:
        """Thaw them."""

    async def resize(self, id: str, size: WindowSize) -> None:
        """Tell the terminal of a container or an exec its new size."""

    async def pids(self, id: str) -> list[int]:
        """Every process of the container, execs included, as the host numbers them."""

    async def update(self, id: str, resources: Mapping[str, Any]) -> None:
        """Change limits (OCI `linux.resources`); those not named stay."""

    async def stats(self, id: str) -> Mapping[str, Any]:
        """What the container's cgroup has counted (see `wherry.kernel.cgroup`)."""

    async def release(self, id: str) -> None:
        """Let go of a container: kill what is left of it, remove its cgroup, forget it.

        Its streams end. Idempotent, also for ids never started.
        """

    async def forget_exec(self, exec_id: str) -> None:
        """Let go of an exec that has ended and whose output was read. Idempotent."""

    async def list(self) -> Mapping[str, Running]:
        """Everything that was started and not yet released, ended or not (for reconciliation)."""

    def recorded_exit(self, id: str) -> Exit | None:
        """How a container ended that `list` does not know any more, if that was written down.

        Whether it ran out of memory is not.
        """
