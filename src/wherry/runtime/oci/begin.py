"""From a bundle to a process: what `create` and `run` share.

The order: directory under --root, cgroup, process with all its namespaces; the hooks that belong
to the runtime's side (prestart, createRuntime) while the process waits; then the process goes on
by itself until it either waits for `start` (create) or has become its program (run).
"""

from __future__ import annotations

import _signal
import os
from _socket import AF_UNIX, SHUT_RDWR, SOCK_CLOEXEC, SOCK_SEQPACKET, socketpair

from wherry.kernel import process
from wherry.kernel.cgroup import hierarchy
from wherry.kernel.cgroup.cgroup import Cgroup
from wherry.runtime import launch, plan, protocol
from wherry.runtime.failure import Failure
from wherry.runtime.oci import bundle as bundles
from wherry.runtime.oci import console, hooks
from wherry.runtime.oci.container import Container, check_id, remove_directory
from wherry.runtime.oci.flags import NUMBER, SWITCH, TEXT, Row
from wherry.runtime.oci.refusal import ALREADY_THERE, Refusal
from wherry.runtime.start import Child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket as Socket
    from typing import Any

    from wherry.runtime.oci.main import Context

    Spec = dict[str, Any]

ROWS: tuple[Row, ...] = (
    ("bundle,b", TEXT, "path to the root of the bundle directory, defaults to the current one"),
    ("console-socket", TEXT, "path to a unix socket which will receive the terminal's master"),
    ("pid-file", TEXT, "file to write the process id to"),
    ("no-pivot", SWITCH, "move the root instead of pivoting into it (for a root on a ramdisk)"),
    ("no-new-keyring", SWITCH, "let the container have the caller's session keyring"),
    ("preserve-fds", NUMBER, "pass N additional file descriptors to the container"),
)


class Begun:
    """A container's first process, on its way: who it is, and the channel to it."""

    __slots__ = ("container", "made", "master", "status")

    def __init__(self, container: Container, made: launch.Launched, status: Socket) -> None:
        self.container = container
        self.made = made
        self.status = status
        self.master = -1


def prepare(context: Context, options: dict[str, Any], id: str, *, detached: bool) -> Container:
    """Everything up to the process: checks, directory, cgroup. Nothing is left when it fails."""
    check_id(id)
    bundle = os.path.abspath(options["bundle"] or ".")
    spec = bundles.absolute(bundles.read(bundle), bundle)
    terminal = bool(spec["process"].get("terminal"))
    bundles.check_terminal(terminal, detached, options["console-socket"])
    directory = os.path.join(context.root, id)
    os.makedirs(context.root, mode=0o711, exist_ok=True)
    try:
        os.mkdir(directory, 0o711)
    except FileExistsError:
        raise Refusal(ALREADY_THERE) from None
    container = Container(directory, id, bundle, spec, Cgroup({}, ""))
    try:
        if not os.path.isdir(container.rootfs):
            raise Refusal(f"rootfs {container.rootfs} is no directory")
        container.cgroup = _cgroup(context, spec, id)
    except BaseException:
        remove_directory(directory)
        raise
    return container


def _cgroup(context: Context, spec: Spec, id: str) -> Cgroup:
    """Where `linux.cgroupsPath` says, else below our own; none where a plain user may not."""
    path = (spec.get("linux") or {}).get("cgroupsPath") or id
    try:
        return Cgroup.create(hierarchy.detect(), path, bundles.resources(spec))
    except PermissionError:
        if os.geteuid() == 0 or context.rootless == "false":
            raise
        return Cgroup({}, "")


def begin(container: Container, options: dict[str, Any], *, gate: int = -1) -> Begun:
    """Make the process and lead it to where it waits for `start`, or has been executed.

    `gate`: the reading end of the start fifo, or -1 to go right through. Raises Refusal; the
    container is gone without trace then.
    """
    ours, its = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)
    fds = [gate] if gate >= 0 else []
    begun = None
    try:
        spec = container.spec
        drafted = _plan(container, options, gated=gate >= 0)
        child = Child(its.fileno(), _streams(bool(spec["process"].get("terminal"))), fds)
        with DefaultSignals():
            made = launch.launch(drafted, child, 0)
        its.close()
        begun = Begun(container, made, ours)
        container.adopt(made.pid)
        container.save()
        lead(begun, options["console-socket"])
    except (Failure, OSError, ValueError, Refusal) as error:
        undo(container, begun)
        raise _refusal(error) from None
    return begun


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    text = error.text if isinstance(error, Failure) else str(error)
    return Refusal(f"unable to start container process: {text}")


def _streams(terminal: bool) -> tuple[int, int, int]:
    return (-1, -1, -1) if terminal else (0, 1, 2)


def _plan(container: Container, options: dict[str, Any], *, gated: bool) -> plan.Plan:
    spec = container.spec
    stage = f"{container.directory}/stage"
    os.mkdir(stage, 0o700)
    moments = {
        "created": [
            ("tell", "created", True),
            *hooks.steps(container, "createContainer", "creating"),
        ],
        "ready": [
            *([("tell", "ready", False), ("wait_for_start", ("fd", 0))] if gated else []),
            *hooks.steps(container, "startContainer", "created"),
        ],
    }
    return plan.plan_launch(
        spec,
        rootfs=container.rootfs,
        cgroup=plan.CgroupPlace.of(container.cgroup),
        seccomp=bundles.compiled_seccomp(spec),
        create_cwd=True,
        stage=stage,
        pivot=not options["no-pivot"],
        keyring=None if options["no-new-keyring"] else f"_ses.{container.id}",
        hooks=moments,
        preserve_fds=preserved(options["preserve-fds"]),
    )


def preserved(wanted: int) -> int:
    """How many descriptors above 2 stay open: those asked for and systemd's (sd_listen_fds(3))."""
    return wanted + int(os.environ.get("LISTEN_FDS") or 0)


class DefaultSignals:
    """A scope in which children are made that start with default signals.

    Python ignores SIGPIPE, and what is ignored stays so through exec; we ourselves go on ignoring
    it, since the other end of a socket of ours may be gone at any time.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        process.reset_signals()

    def __exit__(self, *_: object) -> None:
        _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)


def lead(begun: Begun, console_socket: str) -> None:
    """Answer the process until it is ready or executed; Refusal with its own words if it fails."""
    container = begun.container
    while (received := protocol.receive(begun.status)) is not None:
        message, fds = received
        if "error" in message:
            raise Refusal(f"unable to start container process: {message['error']['text']}")
        if message.get("pty"):
            console.set_size(fds[0], container.spec["process"].get("consoleSize"))
            begun.master = console.hand_over(fds[0], console_socket)
        if message.get("created"):
            for kind in ("prestart", "createRuntime"):
                hooks.run(container, kind, "creating")
            begun.status.send(b"go on")
        if message.get("ready"):
            # The process has inherited our end as well, so that closing it would not end anything.
            begun.status.shutdown(SHUT_RDWR)
            return
    if os.path.exists(container.fifo):
        raise Refusal("unable to start container process: it ended before it was ready")


def undo(container: Container, begun: Begun | None) -> None:
    """End and remove whatever there is of a container that could not be started."""
    if begun is not None:
        try:
            process.pidfd_send_signal(begun.made.pidfd, 9)
        except ProcessLookupError:
            pass
        process.wait_pidfd(begun.made.pidfd)
        os.close(begun.made.root)
    container.cgroup.kill()
    container.cgroup.remove()
    remove_directory(container.directory)


def write_pid_file(path: str, pid: int) -> None:
    """The pid, whole or not at all: somebody watches for the file."""
    if not path:
        return
    directory, name = os.path.split(os.path.abspath(path))
    temporary = os.path.join(directory, f".{name}")
    with open(temporary, "w", encoding="ascii") as file:
        file.write(str(pid))
    os.rename(temporary, path)
