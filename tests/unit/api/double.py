"""A tiny engine in memory: records and canned streams, so that the API can be asked by itself.

It follows none of the engine's rules; what depends on them is tested with the real engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from wherry.engine.containers.config import ContainerConfig, HostConfig, LogConfig, NetworkingConfig
from wherry.engine.containers.record import Container, Exec, MountPoint, State
from wherry.engine.values.containers import (
    Change,
    Created,
    CreateRequest,
    ListQuery,
    NetworkCounters,
    Processes,
    RemoveRequest,
    Sizes,
    Stats,
    StopRequest,
    WaitAnswer,
)
from wherry.engine.values.events import Event, EventQuery
from wherry.engine.values.execs import ExecConfig, ExecStart
from wherry.engine.values.images import (
    HistoryEntry,
    ImageFacts,
    ImageQuery,
    ImportRequest,
    Progress,
    Removed,
)
from wherry.engine.values.streams import AttachRequest, Chunk, LogsRequest, LogStream
from wherry.engine.values.system import DiskUsage, RuntimeFacts, SystemFacts, VersionFacts
from wherry.errors import Conflict, Invalid, NotFound, NotModified

ID = "ab" * 32
IMAGE = "sha256:" + "cd" * 32
SECOND = 1_000_000_000
DAY = 1_700_000_000 * SECOND


async def several(items: Iterable[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


def container(**changes: Any) -> Container:
    """Return a container that has something in every field."""
    values: dict[str, Any] = {
        "id": ID,
        "name": "web",
        "created": DAY + 120_000_000,
        "path": "sh",
        "args": ("-c", "sleep 5"),
        "config": ContainerConfig(image="busybox", cmd=("sh",), labels={"a": "b"}),
        "host_config": HostConfig(
            network_mode="none",
            shm_size=67108864,
            cgroupns_mode="host",
            log_config=LogConfig("local"),
        ),
        "networking": NetworkingConfig(),
        "image_id": IMAGE,
        "image_ref": "busybox",
        "driver": "overlay2",
        "directory": f"/data/containers/{ID}",
        "log_path": "",
        "mounts": (
            MountPoint("bind", "/src", "/dst", mode="ro", rw=False, propagation="rprivate"),
        ),
        "state": State(status="running", running=True, pid=42, started_at=DAY),
    }
    return Container(**(values | changes))


@dataclass
class Streams:
    """An attachment that says `chunks` and remembers what it was told."""

    tty: bool
    chunks: Sequence[Chunk]
    after_input: bool = False
    heard: bytearray = field(default_factory=bytearray)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    detached: bool = False
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def output(self) -> AsyncIterator[Chunk]:
        return self._output()

    async def _output(self) -> AsyncIterator[Chunk]:
        if self.after_input:
            await self.ended.wait()
        for chunk in self.chunks:
            yield chunk

    async def write(self, data: bytes) -> None:
        self.heard += data

    async def end_input(self) -> None:
        self.ended.set()

    async def detach(self) -> None:
        self.detached = True

    async def close(self) -> None:
        self.closed.set()


class Containers:
    """One container, whose streams are `streams`."""

    def __init__(self) -> None:
        self.one = container()
        self.streams = Streams(False, [(1, b"out\n"), (2, b"err\n")])
        self.asked: list[Any] = []
        self.exit: asyncio.Future[WaitAnswer] | None = None

    def _find(self, ref: str) -> Container:
        if ref not in (self.one.id, self.one.id[:12], self.one.name):
            raise NotFound(f"No such container: {ref}")
        return self.one

    async def create(self, request: CreateRequest) -> Created:
        self.asked.append(request)
        if request.name == self.one.name:
            raise Conflict(f'Conflict. The container name "/{request.name}" is already in use')
        return Created(ID, ("a warning",))

    async def list(self, query: ListQuery) -> Sequence[Container]:
        self.asked.append(query)
        return [self.one]

    async def get(self, ref: str) -> Container:
        return self._find(ref)

    async def sizes(self, ref: str) -> Sizes:
        return Sizes(10, 100)

    async def start(self, ref: str) -> None:
        self._find(ref)
        raise NotModified("it runs already")

    async def stop(self, ref: str, request: StopRequest) -> None:
        self.asked.append(request)

    restart = stop

    async def kill(self, ref: str, signal: str) -> None:
        self.asked.append(signal)

    async def pause(self, ref: str) -> None:
        self._find(ref)

    unpause = pause

    async def wait(self, ref: str, condition: str) -> Awaitable[WaitAnswer]:
        self._find(ref)
        self.asked.append(condition)
        self.exit = asyncio.get_running_loop().create_future()
        return self.exit

    async def rename(self, ref: str, name: str) -> None:
        self.asked.append(name)

    async def resize(self, ref: str, rows: int, columns: int) -> None:
        self.asked.append((rows, columns))

    async def top(self, ref: str, ps_args: str) -> Processes:
        return Processes(("PID", "CMD"), (("1", "sh"),))

    async def logs(self, ref: str, request: LogsRequest) -> LogStream:
        self._find(ref)
        self.asked.append(request)
        return LogStream(self.streams.tty, several(self.streams.chunks))

    async def attach(self, ref: str, request: AttachRequest) -> Streams:
        self._find(ref)
        self.asked.append(request)
        return self.streams

    async def remove(self, ref: str, request: RemoveRequest) -> None:
        self.asked.append(request)

    async def export(self, ref: str) -> AsyncIterator[bytes]:
        return several([b"tar", b"ball"])

    async def changes(self, ref: str) -> Sequence[Change]:
        return [Change("/etc", 0), Change("/etc/x", 1)]

    async def stats(self, ref: str) -> AsyncIterator[Stats]:
        net = {"eth0": NetworkCounters(rx_bytes=1)}
        return several([Stats(read=DAY + i, pids=i, networks=net) for i in range(1, 4)])


class Execs:
    """One exec of `true`."""

    def __init__(self) -> None:
        config = ExecConfig(cmd=("sh", "-c", "true"), attach_stdin=True, attach_stdout=True)
        self.one = Exec("e1", ID, config)
        self.streams = Streams(False, [(1, b"hi")])
        self.failure: Exception | None = None

    async def create(self, ref: str, config: ExecConfig) -> str:
        return self.one.id

    async def get(self, id: str) -> Exec:
        if id != self.one.id:
            raise NotFound(f"No such exec instance: {id}")
        return self.one

    async def start(self, id: str, request: ExecStart) -> Streams | None:
        if self.failure is not None:
            raise self.failure
        return None if request.detach else self.streams

    async def resize(self, id: str, rows: int, columns: int) -> None:
        pass


class Images:
    """One image."""

    def __init__(self) -> None:
        config = {"Env": ["A=b"], "Cmd": ["sh"], "Labels": {"x": "y"}, "Hostname": "h"}
        self.one = ImageFacts(
            IMAGE, ("busybox:latest",), (), created=DAY, config=config, architecture="amd64",
            os="linux", size=5, layers=(IMAGE,), last_tagged=DAY,
        )  # fmt: skip
        self.received = bytearray()

    async def list(self, query: ImageQuery) -> Sequence[ImageFacts]:
        return [self.one]

    async def get(self, ref: str, *, platform: str = "", manifests: bool = False) -> ImageFacts:
        if ref not in ("busybox", "busybox:latest", IMAGE, "reg.io/a/b:c"):
            raise NotFound(f"No such image: {ref}")
        return self.one

    async def history(self, ref: str, *, platform: str = "") -> Sequence[HistoryEntry]:
        return [HistoryEntry(IMAGE, DAY, "CMD sh", ("busybox:latest",), 0, "")]

    async def tag(self, ref: str, repository: str, tag: str) -> None:
        pass

    async def remove(
        self, ref: str, *, force: bool, prune: bool, of: Sequence[str] = ()
    ) -> Sequence[Removed]:
        return [Removed("untagged", "busybox:latest"), Removed("deleted", IMAGE)]

    async def load(self, archive: AsyncIterator[bytes], *, quiet: bool) -> AsyncIterator[Progress]:
        return self._load(archive)

    async def _load(self, archive: AsyncIterator[bytes]) -> AsyncIterator[Progress]:
        async for data in archive:
            self.received += data
        if self.received.startswith(b"bad"):
            raise Invalid("this is no archive")
        yield Progress(status="Loading layer", id="1", current=5, total=10)
        if self.received.startswith(b"truncated"):
            raise Invalid("the archive ends early")
        yield Progress(stream="Loaded image: busybox:latest\n")

    async def import_root(
        self, archive: AsyncIterator[bytes], request: ImportRequest
    ) -> AsyncIterator[Progress]:
        return self._load(archive)

    async def save(self, refs: Sequence[str], *, platform: str = "") -> AsyncIterator[bytes]:
        return several([ref.encode() for ref in refs])


class System:
    """Facts."""

    async def version(self) -> VersionFacts:
        return VersionFacts("1.0", "abc", "6.1", "linux", "amd64", "", {"keeper": "1.0"})

    async def info(self) -> SystemFacts:
        return SystemFacts(
            id="i", name="n", containers=1, running=1, paused=0, stopped=0, images=1,
            driver="overlay2", driver_status=(("a", "b"),), root_dir="/r", kernel_version="6.1",
            operating_system="Debian", os_version="12", arch="x86_64", cpus=2, memory=3,
            cgroup_driver="cgroupfs", cgroup_version="1", version="1.0", system_time=DAY,
            log_driver="local", log_drivers=("local",), network_drivers=("none",),
            volume_drivers=("local",), runtimes={"wherry": RuntimeFacts("wherry-oci")},
            default_runtime="wherry",
            security_options=("name=seccomp,profile=builtin",), limits={"MemoryLimit": True},
        )  # fmt: skip

    async def disk_usage(self) -> DiskUsage:
        return DiskUsage(5, [Images().one], [(container(), 1, 2)])


class Events:
    """Two events."""

    async def subscribe(self, query: EventQuery) -> AsyncIterator[Event]:
        attributes = {"image": "busybox", "name": "web"}
        return several([
            Event("container", "start", ID, attributes, DAY + 1),
            Event("daemon", "reload", "d", {}, DAY + 2),
        ])  # fmt: skip
