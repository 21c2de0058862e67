"""What the API needs of the engine, as small roles. Nobody but the engine implements them.

Rules for all of them:
- `ref` is what a client wrote: an id, a unique prefix of one, or a name (with or without "/").
- They raise only kinds of `wherry.errors`, in Docker's words where clients match on them; what the
  engine cannot do yet raises Unsupported.
- A method that hands out an iterator is a coroutine: whatever can be wrong with the request is
  raised by awaiting it, before the first byte, so that it still becomes a status code. The
  iterator is closed (`aclose`) when the client goes away.
- Cancelling a method (client gone) leaves the engine consistent; an operation that must not stop
  half way is shielded by the engine, not by the API.

The values are in `wherry.engine.values` and `wherry.engine.containers.config`, so that the engine
does not import the API.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wherry.engine.containers.config import EndpointSettings, UpdateConfig
from wherry.engine.networks.config import NetworkRequest
from wherry.engine.networks.facts import NetworkCreated, NetworkFacts
from wherry.engine.scopes.values import Scope, SocketRequest
from wherry.engine.values.archives import Archived, Extraction, PathFacts
from wherry.engine.values.commits import CommitRequest
from wherry.engine.values.containers import (
    Change,
    Created,
    CreateRequest,
    ListQuery,
    Processes,
    Pruned,
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
    ImagesPruned,
    ImportRequest,
    Progress,
    PullRequest,
    PushRequest,
    Removed,
)
from wherry.engine.values.registries import Distribution, SearchQuery
from wherry.engine.values.streams import Attachment, AttachRequest, LogsRequest, LogStream
from wherry.engine.values.system import DiskUsage, SystemFacts, VersionFacts
from wherry.engine.volumes.values import VolumeFacts, VolumeRequest, VolumesPruned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.engine.containers.record import Container, Exec
    from wherry.engine.networks.publishing import Bindings
    from wherry.engine.networks.values import NetworkState
    from wherry.registry.credentials import Credentials
    from wherry.registry.session import Found


class ContainerBackend(Protocol):
    """The life of containers."""

    async def create(self, request: CreateRequest) -> Created:
        """Create a container.

        NotFound without the image, Conflict on the name, Invalid otherwise.
        """

    async def list(self, query: ListQuery) -> Sequence[Container]:
        """Return the containers that match, newest first."""

    async def get(self, ref: str) -> Container:
        """Return one container. NotFound, or Invalid when the prefix fits several."""

    async def sizes(self, ref: str) -> Sizes:
        """Work out the disk use of one container."""

    async def start(self, ref: str) -> None:
        """Start it; returns after execve succeeded. NotModified when it runs already."""

    async def stop(self, ref: str, request: StopRequest) -> None:
        """Stop it and wait for its end. NotModified when it does not run."""

    async def restart(self, ref: str, request: StopRequest) -> None:
        """Stop it if it runs, start it."""

    async def kill(self, ref: str, signal: str) -> None:
        """Send a signal ("KILL", "SIGHUP", "9"; "" is SIGKILL). Conflict when it does not run."""

    async def pause(self, ref: str) -> None:
        """Freeze every process of it."""

    async def unpause(self, ref: str) -> None:
        """Thaw it."""

    async def wait(self, ref: str, condition: str) -> Awaitable[WaitAnswer]:
        """Register a wait and return what gives its result.

        The condition is "not-running", "next-exit" or "removed". The wait holds from the moment the
        coroutine returns: a start that follows cannot slip through.
        """

    async def rename(self, ref: str, name: str) -> None:
        """Give it another name."""

    async def resize(self, ref: str, rows: int, columns: int) -> None:
        """Set the size of its terminal."""

    async def top(self, ref: str, ps_args: str) -> Processes:
        """List its processes with ps(1) options; "" is "-ef"."""

    async def logs(self, ref: str, request: LogsRequest) -> LogStream:
        """Read its log."""

    async def attach(self, ref: str, request: AttachRequest) -> Attachment:
        """Connect to its streams. Nothing it says after the coroutine returned is lost."""

    async def remove(self, ref: str, request: RemoveRequest) -> None:
        """Remove it. Conflict when it runs and `force` is not set."""

    async def export(self, ref: str) -> AsyncIterator[bytes]:
        """Return its file system as a tar stream."""

    async def stat_path(self, ref: str, path: str) -> PathFacts:
        """Return what is at a path in it. NotFound where nothing is."""

    async def read_path(self, ref: str, path: str) -> Archived:
        """Return what is at a path in it, as a tar stream. NotFound where nothing is."""

    async def extract(
        self, ref: str, extraction: Extraction, archive: AsyncIterator[bytes]
    ) -> None:
        """Unpack a tar stream in it. Denied where that is read-only."""

    async def commit(self, ref: str, request: CommitRequest) -> str:
        """Make an image of it and return the image's id."""

    async def changes(self, ref: str) -> Sequence[Change]:
        """Return what differs from its image."""

    async def update(self, ref: str, config: UpdateConfig) -> Sequence[str]:
        """Change its limits; return the warnings."""

    async def stats(self, ref: str) -> AsyncIterator[Stats]:
        """Yield a sample at once, then one a second until the container is removed."""

    async def prune(self, filters: Mapping[str, tuple[str, ...]]) -> Pruned:
        """Remove stopped containers that match (`until`, `label`, `label!`)."""


class ExecBackend(Protocol):
    """Further processes in running containers; `id` is always the whole id."""

    async def create(self, ref: str, config: ExecConfig) -> str:
        """Note an exec and return its id. Conflict unless the container runs."""

    async def get(self, id: str) -> Exec:
        """Return one exec. NotFound: `No such exec instance: <id>`."""

    async def start(self, id: str, request: ExecStart) -> Attachment | None:
        """Run it; None when detached. Conflict when it has run already."""

    async def resize(self, id: str, rows: int, columns: int) -> None:
        """Set the size of its terminal."""


class ImageBackend(Protocol):
    """Images; `ref` is a reference, an id or a unique prefix of an id."""

    async def list(self, query: ImageQuery) -> Sequence[ImageFacts]:
        """Return the images that match, newest first."""

    async def get(self, ref: str, *, platform: str = "", manifests: bool = False) -> ImageFacts:
        """Return one image, of the platform if one is named. NotFound: `No such image: <ref>`."""

    async def history(self, ref: str, *, platform: str = "") -> Sequence[HistoryEntry]:
        """Return how it was made, newest step first."""

    async def tag(self, ref: str, repository: str, tag: str) -> None:
        """Name it; an empty tag is "latest"."""

    async def remove(
        self, ref: str, *, force: bool, prune: bool, of: Sequence[str] = ()
    ) -> Sequence[Removed]:
        """Untag or delete it, with untagged parents if `prune`; only platforms `of` if any.

        Conflict while it is used.
        """

    async def load(self, archive: AsyncIterator[bytes], *, quiet: bool) -> AsyncIterator[Progress]:
        """Read images from a docker-archive or OCI layout, compressed or not."""

    async def save(self, refs: Sequence[str], *, platform: str = "") -> AsyncIterator[bytes]:
        """Write images with their names as an archive; of one platform if it is named."""

    async def import_root(
        self, archive: AsyncIterator[bytes], request: ImportRequest
    ) -> AsyncIterator[Progress]:
        """Make an image of a root file system; the last status is its id."""

    async def pull(self, request: PullRequest) -> AsyncIterator[Progress]:
        """Fetch an image from a registry. What fails before the first news raises there."""

    async def push(self, request: PushRequest) -> AsyncIterator[Progress]:
        """Send an image to a registry; the last news has tag, digest and size as `aux`."""

    async def prune(self, filters: Mapping[str, tuple[str, ...]]) -> ImagesPruned:
        """Remove images nobody needs (`dangling`, `until`, `label`)."""


class VolumeBackend(Protocol):
    """Volumes by their names, which are never shortened."""

    async def list(self, filters: Mapping[str, tuple[str, ...]]) -> Sequence[VolumeFacts]:
        """Return the volumes that match (`dangling`, `driver`, `label`, `name`), by name."""

    async def get(self, name: str) -> VolumeFacts:
        """Return one volume. NotFound: `get <name>: no such volume`."""

    async def create(self, request: VolumeRequest) -> VolumeFacts:
        """Make one, or return the one that has the name. Conflict when that is another kind."""

    async def remove(self, name: str, *, force: bool) -> None:
        """Remove it. Conflict while a container names it; `force` forgives that it is not there."""

    async def prune(self, filters: Mapping[str, tuple[str, ...]]) -> VolumesPruned:
        """Remove what no container names: anonymous ones, or with the filter `all` every one."""

    async def rename(self, name: str, other: str) -> None:
        """Give it another name; containers that name it follow."""

    async def clone(self, name: str, other: str) -> VolumeFacts:
        """Make a new volume that is a copy of it."""

    async def export(self, name: str) -> AsyncIterator[bytes]:
        """Return its files as a tar stream."""

    async def import_archive(self, name: str, archive: AsyncIterator[bytes]) -> None:
        """Unpack a tar stream, compressed or not, over what is in it."""


class RegistryBackend(Protocol):
    """Questions to registries that change nothing here."""

    async def log_in(self, server: str, credentials: Credentials) -> str:
        """Check credentials; the identity token that the registry gives, or "".

        Unauthorized when they are wrong. `server` may be an address with scheme and path; "" is
        Docker Hub.
        """

    async def search(self, query: SearchQuery) -> Sequence[Found]:
        """Return the repositories that a registry finds, best first."""

    async def describe(self, text: str, credentials: Credentials) -> Distribution:
        """Return what a reference leads to in its registry."""


class NetworkBackend(Protocol):
    """Networks; `ref` is an id, a unique prefix of one, or a name."""

    async def list(self, filters: Mapping[str, tuple[str, ...]]) -> Sequence[NetworkFacts]:
        """Return the networks that match, oldest first."""

    async def get(self, ref: str) -> NetworkFacts:
        """Return one network. NotFound: `network <ref> not found`."""

    async def create(self, request: NetworkRequest) -> NetworkCreated:
        """Make a network. Conflict on the name, Denied where subnets overlap, Invalid otherwise."""

    async def remove(self, ref: str) -> None:
        """Remove one that nobody is in. Denied for predefined ones and ones in use."""

    async def prune(self, filters: Mapping[str, tuple[str, ...]]) -> Sequence[str]:
        """Remove those that no container names (`label`, `until`); return their names."""

    async def connect(self, ref: str, container: str, settings: EndpointSettings | None) -> None:
        """Connect a container, running or not."""

    async def disconnect(self, ref: str, container: str, *, force: bool) -> None:
        """Disconnect it. Internal, as Docker, where it is not connected."""

    async def publish(self, container: str, bindings: Bindings) -> NetworkState:
        """Publish further ports of a container, running or not; return what it has now."""

    async def unpublish(self, container: str, bindings: Bindings) -> NetworkState:
        """Take published ports back. NotFound where one is not published."""


class SystemBackend(Protocol):
    """The engine itself."""

    async def version(self) -> VersionFacts:
        """Return what it is."""

    async def info(self) -> SystemFacts:
        """Return how it and its host are."""

    async def disk_usage(self) -> DiskUsage:
        """Return what takes space."""


class EventBackend(Protocol):
    """What happens."""

    async def subscribe(self, query: EventQuery) -> AsyncIterator[Event]:
        """Yield past events since `query.since`, then what comes, until `query.until`."""


class DaemonBackend(Protocol):
    """The process that serves the API."""

    async def shutdown(self, timeout: int | None) -> None:
        """Stop every container, with so many seconds each, then the keeper, then the daemon.

        The daemon ends after the answer. Conflict when something does not end.
        """


class SocketBackend(Protocol):
    """Scoped sockets, by their names."""

    async def create(self, request: SocketRequest) -> Scope:
        """Make one and listen there. Conflict on the name or the path, Invalid otherwise."""

    async def list(self) -> Sequence[Scope]:
        """Return those there are, by name."""

    async def get(self, name: str) -> Scope:
        """Return one. NotFound: `no such socket: <name>`."""

    async def remove(self, name: str) -> None:
        """End every connection through it, and remove it."""


@dataclass(frozen=True, slots=True)
class Backends:
    """The whole engine, as the API sees it."""

    containers: ContainerBackend
    execs: ExecBackend
    images: ImageBackend
    registries: RegistryBackend
    volumes: VolumeBackend
    networks: NetworkBackend
    system: SystemBackend
    events: EventBackend
    daemon: DaemonBackend
    sockets: SocketBackend
