"""Facts about the engine and the machine it runs on; API, build and Go facts are the API's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wherry.registry.config import Proxies, RegistryConfig

if TYPE_CHECKING:
    from wherry.engine.containers.record import Container
    from wherry.engine.values.images import ImageFacts
    from wherry.engine.volumes.values import VolumeFacts


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """What `docker version` shows. `arch` in Go's words (amd64); `build_time` RFC 3339 or ""."""

    version: str
    git_commit: str
    kernel_version: str
    os: str
    arch: str
    build_time: str
    components: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuntimeFacts:
    """A runtime that containers can name: its program, and the arguments that it always gets."""

    path: str
    args: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """What `docker info` shows of engine and host; bytes, and names in Docker's words.

    `cgroup_version` is "1" or "2"; `cgroup_driver` "cgroupfs", "systemd" or "none". `limits` tells
    which controllers work, by Docker's key (MemoryLimit, SwapLimit, CpuCfsPeriod, CpuCfsQuota,
    CPUShares, CPUSet, PidsLimit, OomKillDisable, IPv4Forwarding). `system_time` is ns since the
    epoch.
    """

    id: str
    name: str
    containers: int
    running: int
    paused: int
    stopped: int
    images: int
    driver: str
    driver_status: tuple[tuple[str, str], ...]
    root_dir: str
    kernel_version: str
    operating_system: str
    os_version: str
    arch: str
    cpus: int
    memory: int
    cgroup_driver: str
    cgroup_version: str
    version: str
    system_time: int
    log_driver: str
    log_drivers: tuple[str, ...]
    network_drivers: tuple[str, ...]
    volume_drivers: tuple[str, ...]
    runtimes: Mapping[str, RuntimeFacts]
    default_runtime: str
    security_options: tuple[str, ...]
    init_binary: str = ""
    cdi_directories: tuple[str, ...] = ()
    cdi_devices: tuple[str, ...] = ()
    debug: bool = False
    experimental: bool = False
    live_restore: bool = True
    open_files: int = -1
    tasks: int = -1
    event_listeners: int = 0
    labels: tuple[str, ...] = ()
    limits: Mapping[str, bool] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    registries: RegistryConfig = field(default_factory=RegistryConfig)
    proxies: Proxies = field(default_factory=Proxies)


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """What takes space: bytes of all layers, the images and containers with their sizes."""

    layers_size: int
    images: Sequence[ImageFacts] = ()
    containers: Sequence[tuple[Container, int, int]] = ()
    """(container, bytes of the writable layer, bytes with the image)."""
    volumes: Sequence[VolumeFacts] = ()
