"""OCI's `mounts`: Docker's standard file systems, the container's own files, the user's mounts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from wherry.engine.containers import ownership
from wherry.engine.containers.config import HostConfig
from wherry.engine.containers.idrows import oci, seen_through
from wherry.engine.containers.record import Container, MountPoint
from wherry.engine.containers.runtime import LAYERS, SUBPATH
from wherry.engine.containers.spec import securityopt
from wherry.spec import runtime

if TYPE_CHECKING:
    from wherry.kernel import mount as kernel

_TMPFS_OPTIONS: Final = ("noexec", "nosuid", "nodev", "rprivate")
# A later word takes back an earlier one of the same row, as with mount(8).
_OPPOSITES: Final = (
    ("noexec", "exec"),
    ("nosuid", "suid"),
    ("nodev", "dev"),
    ("ro", "rw"),
    ("private", "rprivate", "shared", "rshared", "slave", "rslave"),
)
_WRITABLE_ANYWAY: Final = ("/proc", "/dev/pts", "/dev/shm", "/dev/mqueue", "/dev")

Mount = dict[str, Any]


Images = Mapping[str, "kernel.Mount"]
"""What each mount of an image is mounted from, by target."""
Owners = Mapping[str, ownership.Mapping]
"""The id maps of mounts, by target."""


def mounts(container: Container, owners: Owners, images: Images) -> list[Mount]:
    """All mounts in the order in which they are made; `images` are what images are shown from."""
    wanted = [
        _of_image(mount, images[mount["destination"]])
        if mount["destination"] in images
        else _mapped(mount, owners, container)
        for mount in user_mounts(container)
    ]
    targets = {mount["destination"] for mount in wanted}
    standard = [
        mount for mount in standard_mounts(container) if _stays(mount["destination"], targets)
    ]
    if container.host_config.readonly_rootfs:
        standard = [_read_only(mount) for mount in standard]
    own = [mount for mount in own_files(container) if mount["destination"] not in targets]
    if container.user_map:
        own = [_as_own(mount) for mount in own]
    return standard + own + wanted


def _of_image(mount: Mount, layers: kernel.Mount) -> Mount:
    if layers.type == "overlay":
        return {**mount, "source": "", LAYERS: list(layers.options)}
    return {**mount, "source": layers.source}


def _stays(target: str, taken: set[str]) -> bool:
    under_dev = target.startswith("/dev/") and "/dev" in taken
    return target not in taken and not under_dev


def _read_only(mount: Mount) -> Mount:
    if mount["destination"] in _WRITABLE_ANYWAY or "ro" in mount["options"]:
        return mount
    return {**mount, "options": [*mount["options"], "ro"]}


def standard_mounts(container: Container) -> list[Mount]:
    """What every Linux program expects; IPC as the container's mode has it."""
    host = container.host_config
    wanted = runtime.mounts(host.shm_size or runtime.SHM_SIZE)
    if host.privileged:
        wanted = [_writable(mount) if mount["type"] != "cgroup" else mount for mount in wanted]
    if _writable_cgroups(host):
        wanted = [_writable(mount) if mount["type"] == "cgroup" else mount for mount in wanted]
    if host.ipc_mode == "none":
        return [mount for mount in wanted if mount["destination"] != "/dev/shm"]
    if host.ipc_mode != "host":
        return wanted
    shared = ("/dev/mqueue", "/dev/shm")
    # The host may do without POSIX message queues; bind what there is.
    binds = [_mount("bind", path, path, ["rbind", "rprivate"]) for path in shared]
    kept = [mount for mount in wanted if mount["destination"] not in shared]
    return kept + [mount for mount in binds if os.path.isdir(mount["source"])]


def _writable_cgroups(host: HostConfig) -> bool:
    """As `--security-opt writable-cgroups` says, else in a privileged container."""
    said = securityopt.of(host).writable_cgroups
    return host.privileged if said is None else said


def _writable(mount: Mount) -> Mount:
    return {**mount, "options": [word for word in mount["options"] if word != "ro"]}


def own_files(container: Container) -> list[Mount]:
    """/etc/resolv.conf, /etc/hostname and /etc/hosts, which the engine writes."""
    rows = (
        (container.resolv_conf_path, "/etc/resolv.conf"),
        (container.hostname_path, "/etc/hostname"),
        (container.hosts_path, "/etc/hosts"),
    )
    return [_mount("bind", source, target, ["rbind", "rprivate"]) for source, target in rows]


def user_mounts(container: Container) -> list[Mount]:
    """Binds, volumes and tmpfs, parents before what is mounted below them."""
    wanted = [_of_point(point) for point in container.mounts]
    for target, options in (container.host_config.tmpfs or {}).items():
        wanted.append(_tmpfs(target, options.split(",") if options else []))
    return sorted(wanted, key=lambda mount: str(mount["destination"]).count("/"))


def _of_point(point: MountPoint) -> Mount:
    if point.kind == "tmpfs":
        return _tmpfs(point.destination, point.options)
    mount = _mount("bind", point.source, point.destination, list(point.options))
    return {**mount, SUBPATH: point.subpath} if point.subpath else mount


def _mapped(mount: Mount, owners: Owners, container: Container) -> Mount:
    """With its id maps; those of mounts below it too when they come along.

    What no map is known for is seen through the container's own, if it is the container's: a
    volume, not a directory of the host.
    """
    maps = owners.get(mount["destination"])
    if mount["type"] != "bind":
        return mount
    if maps is None:
        return _as_own(mount) if container.user_map and _is_own(mount, container) else mount
    through = container.user_map
    return {
        **_as_own(mount),
        "uidMappings": oci(seen_through(maps.uids, through) if through else maps.uids),
        "gidMappings": oci(seen_through(maps.gids, through) if through else maps.gids),
    }


def _as_own(mount: Mount) -> Mount:
    """Seen through the container's id maps; without any this is to be left."""
    word = "ridmap" if "rbind" in mount["options"] else "idmap"
    return {**mount, "options": [*mount["options"], word]}


def _is_own(mount: Mount, container: Container) -> bool:
    points = (point for point in container.mounts if point.destination == mount["destination"])
    return any(
        point.idmap == ownership.USERNS
        or (point.kind == "volume" and point.idmap != ownership.NONE)
        for point in points
    )


def _tmpfs(target: str, options: Sequence[str]) -> Mount:
    return _mount("tmpfs", "tmpfs", target, merge_options([*_TMPFS_OPTIONS, *options]))


def merge_options(options: Sequence[str]) -> list[str]:
    """The options without those that a later one takes back; of `key=value` the last counts."""
    merged: dict[str, str] = {}
    for option in options:
        row = next((names[0] for names in _OPPOSITES if option in names), None)
        key = row or option.partition("=")[0]
        merged.pop(key, None)
        merged[key] = option
    return list(merged.values())


def _mount(kind: str, source: str, target: str, options: Sequence[str]) -> Mount:
    return {"type": kind, "source": source, "destination": target, "options": list(options)}
