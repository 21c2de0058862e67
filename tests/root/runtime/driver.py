"""A launcher with someone who plays its keeper: runs plans as real containers, without a keeper.

Each test gets a root file system made of /bin/busybox, an own cgroup per container, and a launcher
as the keeper starts it. The test process is the parent of what runs.
"""

from __future__ import annotations

import copy
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wherry.kernel.cgroup.cgroup import Cgroup
from wherry.kernel.cgroup.hierarchy import detect
from wherry.kernel.mount import Mount
from wherry.kernel.process import set_child_subreaper, wait_pidfd
from wherry.runtime import protocol
from wherry.runtime.plan import CgroupPlace, plan_join, plan_launch

BUSYBOX = "/bin/busybox"
SOURCE = Path(__file__).resolve().parents[3] / "src"
_BOOT = f"import sys; sys.path.append({str(SOURCE)!r})"
_MAIN = "from wherry.runtime.launcher import main; main()"
CAPABILITIES = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW",
    "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
]  # fmt: skip
SETS = ("bounding", "effective", "permitted")
MASKED = [
    "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys",
    "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
    "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
]  # fmt: skip
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
MOUNTS: list[dict[str, Any]] = [
    {"destination": "/proc", "type": "proc", "options": ["nosuid", "noexec", "nodev"]},
    {
        "destination": "/dev",
        "type": "tmpfs",
        "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
        "destination": "/dev/pts",
        "type": "devpts",
        "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    {
        "destination": "/dev/shm",
        "type": "tmpfs",
        "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
    },
    {"destination": "/dev/mqueue", "type": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/sys", "type": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
    {
        "destination": "/sys/fs/cgroup",
        "type": "cgroup",
        "options": ["nosuid", "noexec", "nodev", "ro"],
    },
]


def make_rootfs(directory: Path) -> Path:
    """A root with every applet of busybox, passwd and group."""
    for name in ("bin", "etc", "tmp", "proc", "sys", "dev", "root", "home/ann"):
        (directory / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, directory / "bin/busybox")
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    for name in applets.stdout.split():
        if name != "busybox":
            (directory / "bin" / name).symlink_to("busybox")
    (directory / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nann:x:1234:1235:Ann:/home/ann:/bin/sh\n"
    )
    (directory / "etc/group").write_text(
        "root:x:0:\nann:x:1235:\naudio:x:29:ann,bob\nvideo:x:44:\n"
    )
    (directory / "tmp").chmod(0o1777)
    os.chown(directory / "home/ann", 1234, 1235)
    return directory


def spec(*args: str, **process: Any) -> dict[str, Any]:
    """A default container that runs `args`; keywords change `process`."""
    return {
        "process": {
            "args": list(args),
            "env": ["PATH=/usr/bin:/bin"],
            "cwd": "/",
            "capabilities": dict.fromkeys(SETS, CAPABILITIES),
            **process,
        },
        "hostname": "box",
        "mounts": copy.deepcopy(MOUNTS),
        "linux": {
            "namespaces": [
                {"type": kind} for kind in ("pid", "mount", "uts", "ipc", "network", "cgroup")
            ],
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
        },
    }


@dataclass
class Result:
    """How a container ended: `error` where the program was never executed."""

    status: int = 0
    output: str = ""
    stderr: str = ""
    error: dict[str, Any] = field(default_factory=dict)


class Container:
    """A running process, its streams and what the keeper would hold."""

    def __init__(
        self,
        driver: Driver,
        cgroup: Cgroup,
        request: dict[str, Any],
        fds: list[int],
        streams: tuple[int, ...] = (0, 1, 2),
    ) -> None:
        self._driver = driver
        self.cgroup = cgroup
        self.request = request
        self.streams = () if request["terminal"] else streams
        self.ends = [-1, -1, -1]
        self.pty = -1
        self.pid, self.pidfd, self.rootfs = 0, -1, -1
        self.error: dict[str, Any] = {}
        self._status = self._send(fds)

    def _send(self, fds: list[int]) -> socket.socket:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stdio, ends = [-1, -1, -1], list(fds)
        for number in self.streams:
            reading, writing = os.pipe2(os.O_CLOEXEC)
            its_end = reading if number == 0 else writing
            self.ends[number] = writing if number == 0 else reading
            stdio[number] = len(ends)
            ends.append(its_end)
        self.request.update(stdio=stdio, status=len(ends), seq=1)
        protocol.send(self._driver.socket, self.request, [*ends, its.fileno()])
        protocol.close_all(ends[len(fds) :])
        its.close()
        return ours

    def started(self) -> Container:
        """Wait until exec has happened or something failed."""
        received = protocol.receive(self._driver.socket)
        assert received, "the launcher ended"
        reply, fds = received
        self.error = reply.get("error", {})
        if not self.error:
            self.pid, self.pidfd = reply["pid"], fds[0]
            self.rootfs = fds[1] if len(fds) > 1 else -1
        while word := protocol.receive(self._status):
            message, given = word
            self.error = message.get("error", self.error)
            if message.get("pty"):
                self.pty = given[0]
        self._status.close()
        return self

    def finish(self, stdin: bytes = b"") -> Result:
        """Feed `stdin`, read everything, reap, clean up."""
        if self.ends[0] >= 0:
            if stdin:
                os.write(self.ends[0], stdin)
            os.close(self.ends[0])
        output, stderr = self._read_all()
        status = wait_pidfd(self.pidfd) if self.pidfd >= 0 else None
        protocol.close_all([self.pidfd, self.rootfs, self.pty, *self.ends[1:]])
        self.cgroup.remove()
        self._driver.running.discard(self)
        return Result(status or 0, output.decode(), stderr.decode(), self.error)

    def _read_all(self) -> tuple[bytes, bytes]:
        sources = [self.pty] if self.pty >= 0 else self.ends[1:]
        found = {fd: b"" for fd in sources if fd >= 0}
        waiting = set(found)
        while waiting:
            for fd in select.select(list(waiting), [], [])[0]:
                try:
                    chunk = os.read(fd, 65536)
                except OSError:  # a terminal whose other side is closed
                    chunk = b""
                found[fd] += chunk
                if not chunk:
                    waiting.discard(fd)
        return found.get(sources[0], b""), found.get(sources[-1], b"") if sources[1:] else b""

    def kill(self) -> None:
        """End it by force."""
        if self.pidfd >= 0:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)


class Driver:
    """The launcher's parent."""

    def __init__(
        self, directory: Path, weakened: str = "", interpreter: str = sys.executable
    ) -> None:
        """`weakened`: Python that takes checks out of the launcher before it serves."""
        self.directory = directory
        self.rootfs = make_rootfs(directory / "rootfs")
        self.stage = directory / "stage"
        self.hierarchies = detect()
        self.running: set[Container] = set()
        set_child_subreaper()
        self.socket, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        program = "\n".join((_BOOT, weakened, _MAIN))
        self.launcher = subprocess.Popen(
            [interpreter, "-IS", "-c", program, str(self.stage), str(directory)],
            preexec_fn=_with_socket(its.fileno()),
            close_fds=False,
            stdin=subprocess.DEVNULL,
        )
        its.close()

    def cgroup(self, resources: dict[str, Any] | None = None) -> Cgroup:
        """A fresh cgroup in every hierarchy."""
        path = f"/wherry-test-{uuid.uuid4().hex}"
        return Cgroup.create(self.hierarchies, path, resources or {})

    def overlay(self, name: str = "") -> list[Mount]:
        """The busybox root under a fresh writable layer."""
        place = self.directory / (name or uuid.uuid4().hex)
        for part in ("upper", "work"):
            (place / part).mkdir(parents=True, exist_ok=True)
        options = [
            f"lowerdir+={self.rootfs}", f"upperdir={place / 'upper'}", f"workdir={place / 'work'}"
        ]  # fmt: skip
        return [Mount("overlay", "overlay", "/", options)]

    def start(self, spec: dict[str, Any], *, fds: Sequence[int] = (), **options: Any) -> Container:
        """Send a launch plan for `spec`; `options` go to `plan_launch`."""
        cgroup = self.cgroup((spec.get("linux") or {}).get("resources"))
        rootfs = options.pop("rootfs", None) or self.overlay()
        terminal = bool(options.get("terminal"))
        streams = options.pop("streams", (0, 1, 2))
        try:
            plan = plan_launch(spec, rootfs=rootfs, cgroup=CgroupPlace.of(cgroup), **options)
        except BaseException:  # a spec that makes no plan, as the fuzz test sends many
            cgroup.remove()
            raise
        request = {"op": "launch", "plan": plan, "terminal": terminal}
        container = Container(self, cgroup, request, list(fds), streams)
        self.running.add(container)
        return container.started()

    def run(self, spec: dict[str, Any], *, stdin: bytes = b"", **options: Any) -> Result:
        """Start and wait."""
        return self.start(spec, **options).finish(stdin)

    def exec(self, container: Container, process: dict[str, Any], **options: Any) -> Result:
        """A further process in `container`, from start to end."""
        place = CgroupPlace.of(container.cgroup)
        namespaces = options.pop("namespaces", None) or spec()["linux"]["namespaces"]
        plan = plan_join(process, namespaces=namespaces, cgroup=place, **options)
        request = {"op": "join", "plan": plan, "terminal": bool(options.get("terminal"))}
        joined = Container(self, self.cgroup(), request, [container.pidfd])
        return joined.started().finish()

    def close(self) -> None:
        """End everything that still runs."""
        for container in list(self.running):
            container.kill()
            container.finish()
        self.close_launcher()

    def close_launcher(self) -> None:
        """End the launcher as the end of its keeper would; containers run on."""
        self.socket.close()
        self.launcher.wait(10)


def _with_socket(fd: int) -> Callable[[], None]:
    def place() -> None:
        os.dup2(fd, 3)
        os.closerange(4, 256)

    return place
