"""GET /info in Docker's keys; swarm and plugins have Docker's values for "none"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from wherry.api import registry_info
from wherry.api.timestamps import rfc3339_nano
from wherry.engine.values.system import RuntimeFacts, SystemFacts

_LIMITS: Final = [
    "MemoryLimit",
    "SwapLimit",
    "CpuCfsPeriod",
    "CpuCfsQuota",
    "CPUShares",
    "CPUSet",
    "PidsLimit",
    "OomKillDisable",
    "IPv4Forwarding",
]

_NO_SWARM: Final = {
    "NodeID": "",
    "NodeAddr": "",
    "LocalNodeState": "inactive",
    "ControlAvailable": False,
    "Error": "",
    "RemoteManagers": None,
}


def rendered(facts: SystemFacts) -> dict[str, Any]:
    """Return what `docker info` asks for."""
    return {**_counts(facts), **_engine(facts), **_host(facts), **_absent(facts)}


def _counts(facts: SystemFacts) -> dict[str, Any]:
    return {
        "ID": facts.id,
        "Containers": facts.containers,
        "ContainersRunning": facts.running,
        "ContainersPaused": facts.paused,
        "ContainersStopped": facts.stopped,
        "Images": facts.images,
        "NFd": facts.open_files,
        "NGoroutines": facts.tasks,
        "NEventsListener": facts.event_listeners,
    }


def _engine(facts: SystemFacts) -> dict[str, Any]:
    return {
        "Driver": facts.driver,
        "DriverStatus": [list(pair) for pair in facts.driver_status],
        "Plugins": {
            "Volume": list(facts.volume_drivers),
            "Network": list(facts.network_drivers),
            "Authorization": None,
            "Log": list(facts.log_drivers),
        },
        "Debug": facts.debug,
        "LoggingDriver": facts.log_driver,
        "CgroupDriver": facts.cgroup_driver,
        "CgroupVersion": facts.cgroup_version,
        "DockerRootDir": facts.root_dir,
        "Labels": list(facts.labels),
        "ExperimentalBuild": facts.experimental,
        "ServerVersion": facts.version,
        "Runtimes": {name: _runtime(each) for name, each in facts.runtimes.items()},
        "DefaultRuntime": facts.default_runtime,
        "LiveRestoreEnabled": facts.live_restore,
        "InitBinary": facts.init_binary,
        "SecurityOptions": list(facts.security_options),
        "Warnings": list(facts.warnings) or None,
    }


def _devices(names: Sequence[str]) -> dict[str, Any]:
    """API 1.50; left out where there are none, as an older client expects."""
    found = [{"Source": "cdi", "ID": name} for name in names]
    return {"DiscoveredDevices": found} if found else {}


def _runtime(facts: RuntimeFacts) -> dict[str, Any]:
    arguments = {"runtimeArgs": list(facts.args)} if facts.args else {}
    return {"path": facts.path, **arguments}


def _host(facts: SystemFacts) -> dict[str, Any]:
    return {
        **{name: facts.limits.get(name, False) for name in _LIMITS},
        "SystemTime": rfc3339_nano(facts.system_time),
        "KernelVersion": facts.kernel_version,
        "OperatingSystem": facts.operating_system,
        "OSVersion": facts.os_version,
        "OSType": "linux",
        "Architecture": facts.arch,
        "NCPU": facts.cpus,
        "MemTotal": facts.memory,
        "Name": facts.name,
    }


def _absent(facts: SystemFacts) -> dict[str, Any]:
    """Return the keys of what does not exist here."""
    return {
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": registry_info.registries(facts.registries),
        "GenericResources": None,
        **registry_info.proxies(facts.proxies),
        "Swarm": _NO_SWARM,
        "Isolation": "",
        "ContainerdCommit": {"ID": ""},
        "RuncCommit": {"ID": ""},
        "InitCommit": {"ID": ""},
        "CDISpecDirs": list(facts.cdi_directories),
        **_devices(facts.cdi_devices),
    }
