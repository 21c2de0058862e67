"""The text of `wherry info`, from the API's SystemInfo."""

from __future__ import annotations

from wherry.cli.units import binary_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# (label, key), where the value is shown as it is; rows without a value are left out.
_COUNTS = (
    (" Containers", "Containers"),
    ("  Running", "ContainersRunning"),
    ("  Paused", "ContainersPaused"),
    ("  Stopped", "ContainersStopped"),
    (" Images", "Images"),
    (" Server Version", "ServerVersion"),
    (" Storage Driver", "Driver"),
)
_MACHINE = (
    (" Kernel Version", "KernelVersion"),
    (" Operating System", "OperatingSystem"),
    (" OSType", "OSType"),
    (" Architecture", "Architecture"),
    (" CPUs", "NCPU"),
)
_IDENTITY = (
    (" Name", "Name"),
    (" ID", "ID"),
    (" Docker Root Dir", "DockerRootDir"),
    (" Debug Mode", "Debug"),
    (" HTTP Proxy", "HttpProxy"),
    (" HTTPS Proxy", "HttpsProxy"),
    (" No Proxy", "NoProxy"),
)


def server_lines(info: dict[str, Any]) -> list[str]:
    """The lines below "Server:"."""
    return [
        *_rows(info, _COUNTS),
        *(f"  {name}: {value}" for name, value in info.get("DriverStatus") or []),
        *_rows(info, ((" Logging Driver", "LoggingDriver"), (" Cgroup Driver", "CgroupDriver"))),
        *_rows(info, ((" Cgroup Version", "CgroupVersion"),)),
        *_plugins(info.get("Plugins") or {}),
        *_devices(info),
        *_swarm(info.get("Swarm") or {}),
        *_runtimes(info),
        *_security(info.get("SecurityOptions") or []),
        *_rows(info, _MACHINE),
        f" Total Memory: {binary_size(info.get('MemTotal') or 0)}",
        *_rows(info, _IDENTITY),
        *_list("Labels", info.get("Labels") or []),
        *_rows(info, ((" Experimental", "ExperimentalBuild"),)),
        *_registries(info.get("RegistryConfig") or {}),
        *_rows(info, ((" Live Restore Enabled", "LiveRestoreEnabled"),)),
    ]


def _rows(info: dict[str, Any], rows: tuple[tuple[str, str], ...]) -> list[str]:
    return [
        f"{label}: {_shown(info[key])}" for label, key in rows if info.get(key) not in (None, "")
    ]


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plugins(plugins: dict[str, Any]) -> list[str]:
    kinds = ("Volume", "Network", "Authorization", "Log")
    rows = [f"  {kind}: {' '.join(plugins[kind])}" for kind in kinds if plugins.get(kind)]
    return [" Plugins:", *rows] if rows else []


def _devices(info: dict[str, Any]) -> list[str]:
    found = [f"{each['Source']}: {each['ID']}" for each in info.get("DiscoveredDevices") or ()]
    directories = _list("CDI spec directories", info.get("CDISpecDirs") or [])
    return directories + _list("Discovered Devices", found)


def _swarm(swarm: dict[str, Any]) -> list[str]:
    return [f" Swarm: {swarm['LocalNodeState']}"] if swarm.get("LocalNodeState") else []


def _runtimes(info: dict[str, Any]) -> list[str]:
    names = sorted(info.get("Runtimes") or {})
    rows = [f" Runtimes: {' '.join(names)}"] if names else []
    rows += _rows(info, ((" Default Runtime", "DefaultRuntime"), (" Init Binary", "InitBinary")))
    for label, key in (("containerd", "ContainerdCommit"), ("runc", "RuncCommit")):
        commit = (info.get(key) or {}).get("ID")
        rows += [f" {label} version: {commit}"] if commit else []
    return rows


def _security(options: list[str]) -> list[str]:
    rows: list[str] = []
    for option in options:
        values = dict(pair.partition("=")[::2] for pair in option.split(","))
        name = values.pop("name", option)
        rows.append(f"  {name}")
        rows += [f"   {key.capitalize()}: {value}" for key, value in values.items()]
    return [" Security Options:", *rows] if rows else []


def _registries(config: dict[str, Any]) -> list[str]:
    insecure = [
        name
        for name, index in (config.get("IndexConfigs") or {}).items()
        if not index.get("Secure", True)
    ]
    networks = config.get("InsecureRegistryCIDRs") or []
    return _list("Insecure Registries", [*insecure, *networks]) + _list(
        "Registry Mirrors", config.get("Mirrors") or []
    )


def _list(label: str, values: list[str]) -> list[str]:
    return [f" {label}:", *(f"  {value}" for value in values)] if values else []
