"""Questions to the containers part of the engine and its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wherry.engine.containers.config import ContainerConfig, HostConfig, NetworkingConfig
from wherry.engine.containers.ownership import Ids

if TYPE_CHECKING:
    from wherry.engine.containers.confinement import Confinement


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """A new container.

    `name` is "" for a generated one; `platform` is "os[/arch[/variant]]" or ""; `caller` is who
    asks, None where that is not known; `confinement` is what a scoped socket holds it to.
    """

    name: str
    config: ContainerConfig
    host_config: HostConfig
    networking: NetworkingConfig
    platform: str = ""
    caller: Ids | None = None
    confinement: Confinement | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """The id of a new container and what Docker would warn about."""

    id: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which containers to list, newest first.

    Without `all`, `limit`, or a filter on the state only running ones (paused included). `limit` 0
    is no limit. `filters` holds Docker's filter names, already checked to be known, each with its
    values; different names must all match, of the values of one name any (labels: all). The match
    itself is `wherry.engine.containers.selection`.
    """

    all: bool = False
    limit: int = 0
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of a container's writable layer, and of that together with its image."""

    rw: int
    root_fs: int


@dataclass(frozen=True, slots=True)
class StopRequest:
    """How to stop: seconds to wait before SIGKILL (None: the container's own, -1: for ever)."""

    timeout: int | None = None
    signal: str = ""


@dataclass(frozen=True, slots=True)
class WaitAnswer:
    """How a container ended.

    `error` tells why waiting failed (removal failed), "" if it did not.
    """

    exit_code: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class RemoveRequest:
    """How to remove: a running one too, its anonymous volumes too."""

    force: bool = False
    volumes: bool = False
    link: bool = False


@dataclass(frozen=True, slots=True)
class Processes:
    """Output of ps(1) for a container: column titles and one row per process."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A path that differs from the image: kind 0 modified, 1 added, 2 deleted."""

    path: str
    kind: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """Ids of what was removed and the bytes that came free."""

    ids: tuple[str, ...]
    space: int


@dataclass(frozen=True, slots=True)
class BlockIO:
    """One counter of one device:

    operation is `read`, `write`, `sync`, `async`, `discard`, `total`.
    """

    major: int
    minor: int
    op: str
    value: int


@dataclass(frozen=True, slots=True)
class NetworkCounters:
    """Counters of one interface since its creation."""

    rx_bytes: int = 0
    rx_packets: int = 0
    rx_errors: int = 0
    rx_dropped: int = 0
    tx_bytes: int = 0
    tx_packets: int = 0
    tx_errors: int = 0
    tx_dropped: int = 0


@dataclass(frozen=True, slots=True)
class Stats:
    """One sample of a container's use of resources.

    `read` is nanoseconds since the epoch, CPU times are nanoseconds, memory is bytes;
    `memory_stats` holds the kernel's memory.stat. `system_cpu` is the host's busy and idle time
    together. A stopped container has all zero and `online_cpus` 0.
    """

    read: int
    pids: int = 0
    pids_limit: int = 0
    cpu_total: int = 0
    cpu_kernel: int = 0
    cpu_user: int = 0
    per_cpu: tuple[int, ...] = ()
    system_cpu: int = 0
    online_cpus: int = 0
    throttling_periods: int = 0
    throttled_periods: int = 0
    throttled_time: int = 0
    memory_usage: int = 0
    memory_max_usage: int = 0
    memory_limit: int = 0
    memory_failures: int = 0
    memory_stats: Mapping[str, int] = field(default_factory=dict)
    io_service_bytes: tuple[BlockIO, ...] = ()
    io_serviced: tuple[BlockIO, ...] = ()
    networks: Mapping[str, NetworkCounters] = field(default_factory=dict)
