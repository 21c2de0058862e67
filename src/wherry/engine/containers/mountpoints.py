"""What a container mounts beside its root: `-v`, `--mount` and the image's volumes, checked.

Named volumes do not exist yet; an anonymous one is a directory that belongs to its container and
goes with it (docs/decisions/061-anonymous-volumes.md).
"""

from __future__ import annotations

import os
import posixpath
import secrets
from collections.abc import Sequence
from typing import Final

from wherry.engine.containers.config import ContainerConfig, HostConfig, Mount
from wherry.engine.containers.record import MountPoint
from wherry.errors import Invalid, Unsupported

ACCESS: Final = ("rw", "ro")
LABELS: Final = ("z", "Z")
PROPAGATION: Final = ("private", "rprivate", "slave", "rslave", "shared", "rshared")
COPY: Final = ("nocopy", "copy")
CONSISTENCY: Final = ("consistent", "cached", "delegated")
_KINDS: Final = (ACCESS, LABELS, PROPAGATION, COPY, CONSISTENCY)
DEFAULT_PROPAGATION: Final = "rprivate"


def mount_points(
    config: ContainerConfig, host: HostConfig, directory: str
) -> tuple[MountPoint, ...]:
    """All of them by their targets; `directory` is the container's own, for anonymous volumes.

    Raises Invalid, Unsupported for named volumes.
    """
    points: dict[str, MountPoint] = {}
    for text in host.binds or ():
        _add(points, from_bind(text, directory))
    for mount in host.mounts or ():
        _add(points, from_mount(mount, directory))
    for target in config.volumes or ():
        point = from_volume(target, directory)
        if point.destination not in (*points, *(host.tmpfs or {})):
            points[point.destination] = point
    return tuple(points.values())


def _add(points: dict[str, MountPoint], point: MountPoint) -> None:
    if point.destination in points:
        raise Invalid(f"Duplicate mount point: {point.destination}")
    points[point.destination] = point


def from_bind(text: str, directory: str) -> MountPoint:
    """`[source:]target[:mode]`, as in `-v`. Raises Invalid, Unsupported."""
    source, target, mode = _split(text)
    try:
        _check_target(target)
        if not source:
            return _anonymous(target, directory, mode)
        if not source.startswith("/"):
            raise _named(source)
    except Invalid as error:
        raise Invalid(f"invalid volume specification: '{text}': {error.message}") from None
    return _bind(source, target, mode, create=True)


def _split(text: str) -> tuple[str, str, str]:
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not parts[0] or (len(parts) == 2 and _is_mode(parts[1])):
        raise Invalid(f"invalid volume specification: '{text}'", hint="write source:target[:mode]")
    if len(parts) == 1:
        return "", parts[0], ""
    mode = parts[2] if len(parts) == 3 else ""
    if mode and not _is_mode(mode):
        raise Invalid(f"invalid mode: {mode}")
    return parts[0], parts[1], mode


def _is_mode(text: str) -> bool:
    """Words of the mode, at most one of each kind."""
    used = [next((kind for kind in _KINDS if word in kind), None) for word in text.split(",")]
    return None not in used and len(set(used)) == len(used)


def from_volume(target: str, directory: str) -> MountPoint:
    """A volume of the image, or `-v /target`. Raises Invalid."""
    try:
        _check_target(target)
    except Invalid as error:
        raise Invalid(f"invalid volume specification: '{target}': {error.message}") from None
    return _anonymous(target, directory, "")


def from_mount(mount: Mount, directory: str) -> MountPoint:
    """One `--mount`. Raises Invalid, Unsupported."""
    try:
        if not mount.target:
            raise Invalid("field Target must not be empty")
        _check_target(mount.target)
        return _MAKERS[mount.type](mount, directory)
    except KeyError:
        problem = "mount type unknown"
    except Invalid as error:
        problem = error.message
    raise Invalid(f'invalid mount config for type "{mount.type}": {problem}')


def _bind_of(mount: Mount, directory: str) -> MountPoint:
    options = mount.bind_options
    if not mount.source:
        raise Invalid("field Source must not be empty")
    if not mount.source.startswith("/"):
        raise Invalid(f"invalid mount path: '{mount.source}' mount path must be absolute")
    create = options is not None and options.create_mountpoint
    if not create and not os.path.lexists(mount.source):
        raise Invalid(f"bind source path does not exist: {mount.source}")
    propagation = options.propagation if options else ""
    if propagation and propagation not in PROPAGATION:
        raise Invalid(f"invalid propagation mode: {propagation}")
    words = [propagation] if propagation else []
    if mount.read_only:
        words.append("ro")
    recursive = not (options and options.non_recursive)
    return _bind(mount.source, mount.target, ",".join(words), create=create, recursive=recursive)


def _volume_of(mount: Mount, directory: str) -> MountPoint:
    if mount.source:
        raise _named(mount.source)
    return _anonymous(mount.target, directory, "ro" if mount.read_only else "")


def _tmpfs_of(mount: Mount, directory: str) -> MountPoint:
    if mount.source:
        raise Invalid("field Source must not be specified")
    words = ["ro"] if mount.read_only else []
    if options := mount.tmpfs_options:
        words += [f"mode={options.mode:o}"] if options.mode else []
        words += [f"size={options.size_bytes}"] if options.size_bytes else []
        words += ["=".join(pair) for pair in options.options or ()]
    return MountPoint("tmpfs", "", _clean(mount.target), rw=not mount.read_only,
                      options=tuple(words))  # fmt: skip


def _image_of(mount: Mount, directory: str) -> MountPoint:
    raise Unsupported("mounts of type image are not supported yet")


_MAKERS: Final = {
    "bind": _bind_of,
    "volume": _volume_of,
    "tmpfs": _tmpfs_of,
    "image": _image_of,
}


def _bind(
    source: str, target: str, mode: str, *, create: bool, recursive: bool = True
) -> MountPoint:
    words = mode.split(",") if mode else []
    propagation = next((word for word in words if word in PROPAGATION), DEFAULT_PROPAGATION)
    read_only = "ro" in words
    options = ["rbind" if recursive else "bind", propagation]
    if read_only:
        options.append("rro" if recursive else "ro")
    shown = ",".join(word for word in words if word not in PROPAGATION) if not create else mode
    return MountPoint(
        "bind",
        posixpath.normpath(source),
        _clean(target),
        mode="" if shown == "ro" and not create else shown,
        rw=not read_only,
        propagation=propagation,
        options=tuple(options),
        create=create,
    )


def _anonymous(target: str, directory: str, mode: str) -> MountPoint:
    name = secrets.token_hex(32)
    read_only = "ro" in mode.split(",")
    return MountPoint(
        "volume",
        f"{directory}/volumes/{name}/_data",
        _clean(target),
        name=name,
        driver="local",
        mode=mode,
        rw=not read_only,
        options=("rbind", DEFAULT_PROPAGATION, *(["ro"] if read_only else [])),
    )


def _named(name: str) -> Unsupported:
    return Unsupported(
        f"volume {name}: named volumes are not supported yet",
        hint="mount a directory of the host: -v /path:/target",
    )


def _clean(target: str) -> str:
    # normpath keeps a second leading slash, which POSIX lets mean something else
    return "/" + posixpath.normpath(target).lstrip("/")


def _check_target(target: str) -> None:
    if not target.startswith("/"):
        raise Invalid(f"invalid mount path: '{target}' mount path must be absolute")
    if _clean(target) == "/":
        raise Invalid("invalid specification: destination can't be '/'")
    if "\0" in target:
        raise Invalid("invalid mount path: it contains a NUL byte")


def check_tmpfs(targets: Sequence[str], points: Sequence[MountPoint]) -> None:
    """Check `--tmpfs` targets, also against the other mounts. Raises Invalid."""
    for target in targets:
        _check_target(target)
        if any(point.destination == _clean(target) for point in points):
            raise Invalid(f"Duplicate mount point: {target}")
