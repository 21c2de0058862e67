"""What a client asks for when it creates a container: Docker's types as frozen values.

Field names are Docker's JSON names in snake_case; each field carries its JSON form (see
`jsonfields`), so that one codec reads and writes them all. Defaults are Docker's. For lists and
maps None is JSON's null or an absent key, which inspect gives back as null; iterate with
`config.env or ()`.

Source: Docker Engine API v1.51, definitions `ContainerConfig`, `HostConfig`, `NetworkingConfig`.
"""

# ruff: noqa: RUF009 - every call below makes a dataclasses.field, anew for each class

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wherry.engine.containers.mountspec import (
    BindOptions,
    ImageOptions,
    Mount,
    TmpfsOptions,
    VolumeDriver,
    VolumeOptions,
)
from wherry.engine.containers.resources import (
    DeviceMapping,
    DeviceRequest,
    Resources,
    RestartPolicy,
    ThrottleDevice,
    Ulimit,
    UpdateConfig,
    WeightDevice,
)
from wherry.spec.jsonfields import (
    flag,
    json_field,
    names,
    number,
    pairs,
    strings,
    text,
    words,
)

__all__ = [
    "BindOptions",
    "ContainerConfig",
    "DeviceMapping",
    "DeviceRequest",
    "EndpointIPAMConfig",
    "EndpointSettings",
    "Healthcheck",
    "HostConfig",
    "ImageOptions",
    "LogConfig",
    "Mount",
    "NetworkingConfig",
    "PortBinding",
    "Resources",
    "RestartPolicy",
    "ThrottleDevice",
    "TmpfsOptions",
    "Ulimit",
    "UpdateConfig",
    "VolumeDriver",
    "VolumeOptions",
    "WeightDevice",
]


@dataclass(frozen=True, slots=True)
class Healthcheck:
    """A health check; durations in nanoseconds, 0 means "as in the image, or Docker's default".

    `test` is (), ("NONE",), ("CMD", arg...) or ("CMD-SHELL", line).
    """

    test: tuple[str, ...] | None = strings("Test", omit=True)
    interval: int = json_field("Interval", "time.Duration", 0, omit=True)
    timeout: int = json_field("Timeout", "time.Duration", 0, omit=True)
    start_period: int = json_field("StartPeriod", "time.Duration", 0, omit=True)
    start_interval: int = json_field("StartInterval", "time.Duration", 0, omit=True)
    retries: int = number("Retries", "int", omit=True)


@dataclass(frozen=True, slots=True)
class ContainerConfig:
    """The part of a container's configuration that any host can use (image and flags merged)."""

    hostname: str = text("Hostname")
    domainname: str = text("Domainname")
    user: str = text("User")
    attach_stdin: bool = flag("AttachStdin")
    attach_stdout: bool = flag("AttachStdout")
    attach_stderr: bool = flag("AttachStderr")
    exposed_ports: tuple[str, ...] | None = names("ExposedPorts", omit=True)
    tty: bool = flag("Tty")
    open_stdin: bool = flag("OpenStdin")
    stdin_once: bool = flag("StdinOnce")
    env: tuple[str, ...] | None = strings("Env")
    cmd: tuple[str, ...] | None = words("Cmd")
    healthcheck: Healthcheck | None = json_field("Healthcheck", "container.HealthConfig", omit=True)
    args_escaped: bool = flag("ArgsEscaped", omit=True)
    image: str = text("Image")
    volumes: tuple[str, ...] | None = names("Volumes")
    working_dir: str = text("WorkingDir")
    entrypoint: tuple[str, ...] | None = words("Entrypoint")
    network_disabled: bool = flag("NetworkDisabled", omit=True)
    mac_address: str = text("MacAddress", omit=True)
    on_build: tuple[str, ...] | None = strings("OnBuild")
    labels: Mapping[str, str] | None = pairs("Labels")
    stop_signal: str = text("StopSignal", omit=True)
    stop_timeout: int | None = json_field("StopTimeout", "int", omit=True)
    shell: tuple[str, ...] | None = words("Shell", omit=True)


@dataclass(frozen=True, slots=True)
class LogConfig:
    """The log driver and its options; an empty type is the engine's default driver."""

    type: str = text("Type")
    config: Mapping[str, str] | None = pairs("Config")


@dataclass(frozen=True, slots=True)
class PortBinding:
    """The host's side of a published port; empty strings mean "any address", "a free port"."""

    host_ip: str = text("HostIp")
    host_port: str = text("HostPort")


@dataclass(frozen=True, slots=True)
class HostConfig(Resources):
    """The part of a container's configuration that belongs to this host.

    `console_size` is (rows, columns). `port_bindings` maps "80/tcp" to the host's sides.
    """

    binds: tuple[str, ...] | None = strings("Binds")
    container_id_file: str = text("ContainerIDFile")
    log_config: LogConfig = json_field("LogConfig", "container.LogConfig", LogConfig())
    network_mode: str = text("NetworkMode")
    port_bindings: Mapping[str, tuple[PortBinding, ...] | None] | None = json_field(
        "PortBindings", "map[nat.Port][]nat.PortBinding"
    )
    restart_policy: RestartPolicy = json_field(
        "RestartPolicy", "container.RestartPolicy", RestartPolicy()
    )
    auto_remove: bool = flag("AutoRemove")
    volume_driver: str = text("VolumeDriver")
    volumes_from: tuple[str, ...] | None = strings("VolumesFrom")
    console_size: tuple[int, int] = json_field("ConsoleSize", "[2]uint", (0, 0))
    annotations: Mapping[str, str] | None = pairs("Annotations", omit=True)
    cap_add: tuple[str, ...] | None = words("CapAdd")
    cap_drop: tuple[str, ...] | None = words("CapDrop")
    cgroupns_mode: str = text("CgroupnsMode")
    dns: tuple[str, ...] | None = strings("Dns")
    dns_options: tuple[str, ...] | None = strings("DnsOptions")
    dns_search: tuple[str, ...] | None = strings("DnsSearch")
    extra_hosts: tuple[str, ...] | None = strings("ExtraHosts")
    group_add: tuple[str, ...] | None = strings("GroupAdd")
    ipc_mode: str = text("IpcMode")
    cgroup: str = text("Cgroup")
    links: tuple[str, ...] | None = strings("Links")
    oom_score_adj: int = number("OomScoreAdj", "int")
    pid_mode: str = text("PidMode")
    privileged: bool = flag("Privileged")
    publish_all_ports: bool = flag("PublishAllPorts")
    readonly_rootfs: bool = flag("ReadonlyRootfs")
    security_opt: tuple[str, ...] | None = strings("SecurityOpt")
    storage_opt: Mapping[str, str] | None = pairs("StorageOpt", omit=True)
    tmpfs: Mapping[str, str] | None = pairs("Tmpfs", omit=True)
    uts_mode: str = text("UTSMode")
    userns_mode: str = text("UsernsMode")
    shm_size: int = number("ShmSize")
    sysctls: Mapping[str, str] | None = pairs("Sysctls", omit=True)
    runtime: str = text("Runtime", omit=True)
    isolation: str = text("Isolation")
    mounts: tuple[Mount, ...] | None = json_field("Mounts", "[]mount.Mount", omit=True)
    masked_paths: tuple[str, ...] | None = strings("MaskedPaths")
    readonly_paths: tuple[str, ...] | None = strings("ReadonlyPaths")
    init: bool | None = json_field("Init", "bool", omit=True)


@dataclass(frozen=True, slots=True)
class EndpointIPAMConfig:
    """Addresses that a client wants for an endpoint."""

    ipv4_address: str = text("IPv4Address", omit=True)
    ipv6_address: str = text("IPv6Address", omit=True)
    link_local_ips: tuple[str, ...] | None = strings("LinkLocalIPs", omit=True)


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """A container's place in one network: what was asked for, then what it got."""

    ipam_config: EndpointIPAMConfig | None = json_field("IPAMConfig", "network.EndpointIPAMConfig")
    links: tuple[str, ...] | None = strings("Links")
    aliases: tuple[str, ...] | None = strings("Aliases")
    mac_address: str = text("MacAddress")
    driver_opts: Mapping[str, str] | None = pairs("DriverOpts")
    gw_priority: int = number("GwPriority", "int")
    network_id: str = text("NetworkID")
    endpoint_id: str = text("EndpointID")
    gateway: str = text("Gateway")
    ip_address: str = text("IPAddress")
    ip_prefix_len: int = number("IPPrefixLen", "int")
    ipv6_gateway: str = text("IPv6Gateway")
    global_ipv6_address: str = text("GlobalIPv6Address")
    global_ipv6_prefix_len: int = number("GlobalIPv6PrefixLen", "int")
    dns_names: tuple[str, ...] | None = strings("DNSNames")


@dataclass(frozen=True, slots=True)
class NetworkingConfig:
    """The networks that a new container joins, by name or id."""

    endpoints_config: Mapping[str, EndpointSettings | None] | None = json_field(
        "EndpointsConfig", "map[string]*network.EndpointSettings"
    )
