"""What the engine knows of a container and of an exec: facts frozen, one object for what changes.

Times are nanoseconds since the epoch, 0 for "never" (Docker's `0001-01-01T00:00:00Z`). A `State`
is never changed in place: `wherry.engine.containers.state` makes the next one from an event.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wherry.engine.containers.config import ContainerConfig, HostConfig, NetworkingConfig
from wherry.engine.containers.idrows import IdRows
from wherry.engine.networks.values import NetworkState
from wherry.engine.values.execs import ExecConfig


@dataclass(frozen=True, slots=True)
class State:
    """A container's state, with the meaning of Docker's `State` object.

    `status` is one of created, running, paused, restarting, removing, exited, dead. `running` stays
    true while a container is paused or waits for its next restart, as in Docker. `pid` is the
    host's pid of the main process, 0 when there is none. `error` is the text of the last failed
    start.
    """

    status: str = "created"
    running: bool = False
    paused: bool = False
    restarting: bool = False
    oom_killed: bool = False
    dead: bool = False
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    started_at: int = 0
    finished_at: int = 0


@dataclass(frozen=True, slots=True)
class MountPoint:
    """One entry of `Mounts` in inspect: where a file system that is not the image's comes from.

    `kind` is bind, volume, image or tmpfs; `source` a path of the host ("" for tmpfs; of an image
    what the user named, with its id as `name`, and the key of its layers as `snapshot`); `mode` the
    option text the user gave ("ro,z"); `propagation` such as "rprivate", "" without meaning.
    `options` are words of mount(8) for the runtime; `create` makes a missing bind source, a
    directory of `maker`'s ("uid:gid", "" is root). `copy` fills an empty volume with what the
    image has at the target; `subpath` is the part of the source that is mounted ("" is all of it).
    `idmap` is as whose the files are seen (see `ownership`).
    """

    kind: str
    source: str
    destination: str
    name: str = ""
    driver: str = ""
    mode: str = ""
    rw: bool = True
    propagation: str = ""
    options: tuple[str, ...] = ()
    create: bool = False
    copy: bool = False
    subpath: str = ""
    idmap: str = ""
    maker: str = ""
    snapshot: str = ""


@dataclass(frozen=True, slots=True)
class Labels:
    """What security modules know a container by, "" where they are not active.

    `apparmor` is a profile's name; `process` and `mount` are SELinux's contexts of its processes
    and of its files.
    """

    apparmor: str = ""
    process: str = ""
    mount: str = ""


@dataclass(slots=True)
class Exec:
    """An exec of a container: made by create, started at most once.

    `path` and `args` are its command; `exit_code` is None until it ended. `tty` and the rest of
    what the client asked for are in `config`.
    """

    id: str
    container_id: str
    config: ExecConfig
    running: bool = False
    exit_code: int | None = None
    pid: int = 0
    started: bool = False


@dataclass(slots=True)
class Container:
    """One container: its definition, its place on disk and its present state.

    `name` has no leading slash (the API adds it). `image_id` is `sha256:<hex>` of the image's
    config, `image_ref` what the user named. `path` and `args` are entrypoint and command joined.
    `execs` holds the execs that were not yet forgotten, by id; `network` is what it has of networks
    while it runs (`networking` is what it wants). `user_map` are the ids of its user
    namespace, none where that is the host's. `manually_stopped` is what restart policy
    `unless-stopped` looks at.
    """

    id: str
    name: str
    created: int
    path: str
    args: tuple[str, ...]
    config: ContainerConfig
    host_config: HostConfig
    networking: NetworkingConfig
    image_id: str
    image_ref: str
    driver: str
    directory: str
    log_path: str
    mounts: tuple[MountPoint, ...] = ()
    platform: str = "linux"
    user_map: IdRows = ()
    labels: Labels = field(default_factory=Labels)
    state: State = field(default_factory=State)
    network: NetworkState = field(default_factory=NetworkState)
    restart_count: int = 0
    manually_stopped: bool = False
    execs: dict[str, Exec] = field(default_factory=dict)

    @property
    def hostname_path(self) -> str:
        """File of the host that is the container's /etc/hostname."""
        return f"{self.directory}/hostname"

    @property
    def hosts_path(self) -> str:
        """File of the host that is the container's /etc/hosts."""
        return f"{self.directory}/hosts"

    @property
    def resolv_conf_path(self) -> str:
        """File of the host that is the container's /etc/resolv.conf."""
        return f"{self.directory}/resolv.conf"

    @property
    def short_id(self) -> str:
        """The first twelve characters of the id, as commands print it."""
        return self.id[:12]
