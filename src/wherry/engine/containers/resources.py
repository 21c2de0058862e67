"""The resources of a container as Docker's API names them (HostConfig embeds them, so does update).

Source: Docker Engine API v1.51, definition `Resources`. Bytes, microseconds and nano-CPUs as there.
"""

# ruff: noqa: RUF009 - every call below makes a dataclasses.field, anew for each class

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wherry.spec.jsonfields import json_field, number, pairs, strings, text


@dataclass(frozen=True, slots=True)
class WeightDevice:
    """Block I/O weight (10 to 1000) of one device."""

    path: str = text("Path")
    weight: int = number("Weight", "uint16")


@dataclass(frozen=True, slots=True)
class ThrottleDevice:
    """Limit of one device: bytes per second or operations per second, by the list it is in."""

    path: str = text("Path")
    rate: int = number("Rate", "uint64")


@dataclass(frozen=True, slots=True)
class DeviceMapping:
    """One device of the host inside the container; permissions are letters of `rwm`."""

    path_on_host: str = text("PathOnHost")
    path_in_container: str = text("PathInContainer")
    cgroup_permissions: str = text("CgroupPermissions")


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """A request to a device driver (GPUs); `count` -1 means all."""

    driver: str = text("Driver")
    count: int = number("Count", "int")
    device_ids: tuple[str, ...] | None = strings("DeviceIDs")
    capabilities: tuple[tuple[str, ...], ...] | None = json_field("Capabilities", "[][]string")
    options: Mapping[str, str] | None = pairs("Options")


@dataclass(frozen=True, slots=True)
class Ulimit:
    """A resource limit (setrlimit(2)) by its short name: `nofile`, `core`...; -1 is unlimited."""

    name: str = text("Name")
    hard: int = number("Hard")
    soft: int = number("Soft")


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits and devices of a container; 0, "" and None mean "not set"."""

    cpu_shares: int = number("CpuShares")
    memory: int = number("Memory")
    nano_cpus: int = number("NanoCpus")
    cgroup_parent: str = text("CgroupParent")
    blkio_weight: int = number("BlkioWeight", "uint16")
    blkio_weight_device: tuple[WeightDevice, ...] | None = json_field(
        "BlkioWeightDevice", "[]*blkiodev.WeightDevice"
    )
    blkio_device_read_bps: tuple[ThrottleDevice, ...] | None = json_field(
        "BlkioDeviceReadBps", "[]*blkiodev.ThrottleDevice"
    )
    blkio_device_write_bps: tuple[ThrottleDevice, ...] | None = json_field(
        "BlkioDeviceWriteBps", "[]*blkiodev.ThrottleDevice"
    )
    blkio_device_read_iops: tuple[ThrottleDevice, ...] | None = json_field(
        "BlkioDeviceReadIOps", "[]*blkiodev.ThrottleDevice"
    )
    blkio_device_write_iops: tuple[ThrottleDevice, ...] | None = json_field(
        "BlkioDeviceWriteIOps", "[]*blkiodev.ThrottleDevice"
    )
    cpu_period: int = number("CpuPeriod")
    cpu_quota: int = number("CpuQuota")
    cpu_realtime_period: int = number("CpuRealtimePeriod")
    cpu_realtime_runtime: int = number("CpuRealtimeRuntime")
    cpuset_cpus: str = text("CpusetCpus")
    cpuset_mems: str = text("CpusetMems")
    devices: tuple[DeviceMapping, ...] | None = json_field("Devices", "[]container.DeviceMapping")
    device_cgroup_rules: tuple[str, ...] | None = strings("DeviceCgroupRules")
    device_requests: tuple[DeviceRequest, ...] | None = json_field(
        "DeviceRequests", "[]container.DeviceRequest"
    )
    kernel_memory: int = number("KernelMemory", omit=True)
    kernel_memory_tcp: int = number("KernelMemoryTCP", omit=True)
    memory_reservation: int = number("MemoryReservation")
    memory_swap: int = number("MemorySwap")
    memory_swappiness: int | None = json_field("MemorySwappiness", "int64")
    oom_kill_disable: bool | None = json_field("OomKillDisable", "bool")
    pids_limit: int | None = json_field("PidsLimit", "int64")
    ulimits: tuple[Ulimit, ...] | None = json_field("Ulimits", "[]*container.Ulimit")
    cpu_count: int = number("CpuCount")
    cpu_percent: int = number("CpuPercent")
    io_maximum_iops: int = number("IOMaximumIOps", "uint64")
    io_maximum_bandwidth: int = number("IOMaximumBandwidth", "uint64")


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """What happens after the exit: `no`, `always`, `unless-stopped` or `on-failure`."""

    name: str = text("Name")
    maximum_retry_count: int = number("MaximumRetryCount", "int")


@dataclass(frozen=True, slots=True)
class UpdateConfig(Resources):
    """Body of POST /containers/{id}/update: new limits, 0 and None leave a limit as it is."""

    restart_policy: RestartPolicy = json_field(
        "RestartPolicy", "container.RestartPolicy", RestartPolicy()
    )
