"""The engine about itself and its host: the role `SystemBackend`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wherry.engine.containers import logdrivers
from wherry.engine.containers.foreign.programs import Programs, RuntimeSettings
from wherry.engine.containers.processes import memory_kib
from wherry.engine.containers.usernamespaces import HOST, UserNamespaceSettings
from wherry.engine.profile import DOCKER, Profile
from wherry.engine.values.images import ImageQuery
from wherry.engine.values.system import DiskUsage, RuntimeFacts, SystemFacts, VersionFacts
from wherry.kernel import landlock
from wherry.registry.config import Proxies, RegistryConfig
from wherry.spec.seccomp import DOCKER_ARCHITECTURES

if TYPE_CHECKING:
    from wherry.engine.containers.cdi.service import DeviceInterface
    from wherry.engine.containers.labelling import Labelling
    from wherry.engine.containers.roster import Roster
    from wherry.engine.events import EventLog
    from wherry.engine.host import Host
    from wherry.engine.images import Images
    from wherry.engine.networks.settings import NetworkSettings
    from wherry.engine.volumes.service import Volumes
    from wherry.storage.stores import Stores

VERSION: Final = "0.1.0"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the engine's user chose.

    `networks` None means the defaults. `machine_wide`: this is the machine's own engine, and not
    one beside it with another data-root; the names of its links and firewall table need nothing to
    tell them from others'.
    """

    data_root: str
    debug: bool = False
    labels: tuple[str, ...] = ()
    insecure_addresses: tuple[str, ...] = ()
    cgroup_parent: str = "/wherry"
    profile: Profile = DOCKER
    user_namespaces: UserNamespaceSettings = field(default_factory=UserNamespaceSettings)
    cdi_directories: tuple[str, ...] = ("/etc/cdi", "/var/run/cdi")
    runtimes: RuntimeSettings = field(default_factory=RuntimeSettings)
    registries: RegistryConfig = field(default_factory=RegistryConfig)
    networks: NetworkSettings | None = None
    machine_wide: bool = False


class System:
    """Answers version, info and disk usage."""

    def __init__(
        self,
        settings: Settings,
        host: Host,
        roster: Roster,
        events: EventLog,
        stores: Stores,
        images: Images,
        volumes: Volumes,
        programs: Programs,
        labelling: Labelling,
        cdi: DeviceInterface,
    ) -> None:
        self._cdi = cdi
        self._labelling = labelling
        self._programs = programs
        self._settings = settings
        self._host = host
        self._roster = roster
        self._events = events
        self._stores = stores
        self._images = images
        self._volumes = volumes
        self._id = engine_id(settings.data_root)
        self.network_warnings: Callable[[], Sequence[str]] = tuple
        """What the engine's networks have to say to the person who runs the host."""

    async def version(self) -> VersionFacts:
        """Return what it is."""
        return VersionFacts(
            version=VERSION,
            git_commit="",
            kernel_version=self._host.kernel_release,
            os="linux",
            arch=DOCKER_ARCHITECTURES.get(self._host.machine, self._host.machine),
            build_time="",
        )

    async def info(self) -> SystemFacts:
        """Return how it and its host are."""
        states = [live.record.state for live in self._roster]
        paused = sum(state.paused for state in states)
        running = sum(state.running for state in states) - paused
        release = os_release()
        host = self._host
        return SystemFacts(
            id=self._id,
            name=os.uname().nodename,
            containers=len(states),
            running=running,
            paused=paused,
            stopped=len(states) - running - paused,
            images=len(await self._images.list(ImageQuery())),
            driver=self._stores.snapshotter.name,
            driver_status=(("Backing Filesystem", file_system(self._settings.data_root)),),
            root_dir=self._settings.data_root,
            kernel_version=host.kernel_release,
            operating_system=release.get("PRETTY_NAME", "Linux"),
            os_version=release.get("VERSION_ID", ""),
            arch=host.machine,
            cpus=host.limits.count,
            memory=memory_kib() * 1024,
            cgroup_driver="cgroupfs",
            cgroup_version=host.cgroup_version,
            version=VERSION,
            system_time=time.time_ns(),
            log_driver=logdrivers.DEFAULT,
            log_drivers=logdrivers.DRIVERS,
            network_drivers=("bridge", "host", "ipvlan", "macvlan", "null"),
            volume_drivers=("local",),
            runtimes={
                name: RuntimeFacts(program.path, program.args)
                for name, program in self._programs.listed().items()
            },
            default_runtime=self._programs.default,
            cdi_directories=self._cdi.directories,
            cdi_devices=tuple(await asyncio.to_thread(self._cdi.discovered)),
            security_options=self._security_options(),
            init_binary=os.path.basename(host.init_path),
            debug=self._settings.debug,
            live_restore=True,
            open_files=len(os.listdir("/proc/self/fd")),
            tasks=len(asyncio.all_tasks()),
            event_listeners=self._events.listeners,
            labels=self._settings.labels,
            limits=host.limits.works,
            warnings=self._warnings(),
            registries=self._settings.registries,
            proxies=self._settings.registries.proxies or Proxies.of(os.environ),
        )

    def _security_options(self) -> tuple[str, ...]:
        """What holds containers in, in Docker's words; each is `name=X`, then `,key=value`s."""
        options = [*self._labelling.active(), "name=seccomp,profile=builtin"]
        if self._host.cgroup_version == "2":
            options.append("name=cgroupns")
        if version := landlock.abi():
            options.append(f"name=landlock,version={version}")
        if self._settings.user_namespaces.default not in HOST:
            options.append("name=userns")
        if self._settings.profile is not DOCKER:
            options.append(f"name=defaults,profile={self._settings.profile.name}")
        return tuple(options)

    def _warnings(self) -> tuple[str, ...]:
        insecure = [
            f"WARNING: API is accessible on {address} without "
            f"{'TLS client verification' if address.startswith('https:') else 'encryption'}. "
            "Access to the remote API is equivalent to root access on the host."
            for address in self._settings.insecure_addresses
        ]
        works = self._host.limits.works
        missing = [
            f"WARNING: No {words} support"
            for key, words in (("MemoryLimit", "memory limit"), ("SwapLimit", "swap limit"))
            if not works.get(key)
        ]
        labels = self._labelling.warnings()
        return (*insecure, *missing, *labels, *self.network_warnings())

    async def disk_usage(self) -> DiskUsage:
        """Return what takes space."""
        images = await self._images.list(ImageQuery(shared_size=True))
        layers = await asyncio.to_thread(self._layers_size)
        snapshotter = self._stores.snapshotter
        rows = []
        for live in self._roster:
            record = live.record
            size = await asyncio.to_thread(snapshotter.written, record.id)
            image = next((each.size for each in images if each.id == record.image_id), 0)
            rows.append((record, size, size + image))
        return DiskUsage(layers, images, rows, await self._volumes.measured())

    def _layers_size(self) -> int:
        """Bytes that `du` counts for all images: layers unpacked, blobs, parts of blobs."""
        store, content = self._stores.layers, self._stores.content
        unpacked = sum(store.unpacked_usage(layer.diff_id).size for layer in store.all())
        return unpacked + content.usage(content.all()).size + content.partials.usage().size


def engine_id(data_root: str) -> str:
    """The engine's own id, made once and kept below the data-root."""
    path = f"{data_root}/engine-id"
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        with open("/proc/sys/kernel/random/uuid", encoding="ascii") as random:
            id = random.read().strip()
        with open(path, "x", encoding="ascii") as file:
            file.write(f"{id}\n")
        return id


def os_release() -> dict[str, str]:
    """The host's os-release(5)."""
    facts = {}
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
        except OSError:
            continue
        for line in lines:
            name, separator, value = line.partition("=")
            if separator:
                facts[name] = value.strip().strip("\"'")
        break
    return facts


def file_system(path: str) -> str:
    """The type of the file system that a directory is on, as /proc/self/mountinfo tells."""
    device = os.stat(path).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            fields = line.split()
            if fields[2] == wanted:
                return fields[fields.index("-") + 1]
    return "unknown"
