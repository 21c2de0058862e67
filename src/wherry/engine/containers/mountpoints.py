"""What a container mounts beside its root: `-v`, `--mount`, `--volumes-from`, image's volumes.

Values only: volumes that are named here are made later, by whoever makes the container.
"""

from __future__ import annotations

import os
import posixpath
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wherry.engine.containers import ownership
from wherry.engine.containers.config import (
    BindOptions,
    ContainerConfig,
    HostConfig,
    Mount,
    VolumeOptions,
)
from wherry.engine.containers.mountwords import PROPAGATION, clean_target, is_mode, split_bind
from wherry.engine.containers.record import Container, MountPoint
from wherry.engine.volumes.values import ANONYMOUS, LOCAL, VolumeRequest
from wherry.errors import Invalid, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_PROPAGATION: Final = "rprivate"
# What Docker shows as the mode of a volume for which none was given.
_VOLUME_MODE: Final = "z"
_READ_ONLY: Final = "add readonly to the mount"

VolumePath = Callable[[str], str]
"""Where the files of the volume of that name are."""
Lender = Callable[[str], Container]
"""The container that `--volumes-from` names. Raises NotFound."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mount point, and the volume that must be there for it."""

    point: MountPoint
    volume: VolumeRequest | None = None


def mount_points(
    config: ContainerConfig,
    host: HostConfig,
    path: VolumePath,
    lender: Lender,
    caller: ownership.Ids | None = None,
    *,
    create: bool = True,
    callers: bool = False,
) -> tuple[Wanted, ...]:
    """All of them by their targets; `caller` is whom `idmap=caller` means.

    Missing sources of `-v` are made for `create`, as directories of the caller's. With `callers`,
    binds that say nothing of ownership show the caller's files as the container user's.
    Raises Invalid.

    A mount of the user's goes before one that another container lends, and both go before the
    image's volumes.
    """
    own: dict[str, Wanted] = {}
    for text in host.binds or ():
        wanted = from_bind(text, path, host.volume_driver, create=create)
        _add(own, _owned(wanted, caller, callers=callers))
    for mount in host.mounts or ():
        _add(own, _owned(from_mount(mount, path), caller, callers=callers))
    lent = {each.point.destination: each for each in _lent(host.volumes_from or (), lender)}
    points = {**lent, **own}
    for target in config.volumes or ():
        wanted = from_volume(target, path)
        if wanted.point.destination not in (*points, *(host.tmpfs or {})):
            points[wanted.point.destination] = wanted
    return tuple(points.values())


def _owned(wanted: Wanted, caller: ownership.Ids | None, *, callers: bool) -> Wanted:
    point = wanted.point
    if callers and caller is not None and point.kind == "bind" and not point.idmap:
        point = replace(point, idmap="caller")
    if point.create and caller is not None and caller.uid:
        point = replace(point, maker=f"{caller.uid}:{caller.gid}")
    if point.idmap:
        point = replace(point, idmap=ownership.resolved(point.idmap, caller))
    return replace(wanted, point=point)


def _add(points: dict[str, Wanted], wanted: Wanted) -> None:
    target = wanted.point.destination
    if target in points:
        raise Invalid(f"Duplicate mount point: {target}")
    points[target] = wanted


# -- of another container


def _lent(specifications: Sequence[str], lender: Lender) -> Iterator[Wanted]:
    """`container[:mode]` each: binds and volumes of that container."""
    for text in specifications:
        name, _, mode = text.partition(":")
        if not name:
            raise Invalid(f"malformed volumes-from specification: {text}")
        if mode and not is_mode(mode):
            raise Invalid(f"invalid mode for volumes-from: {mode}")
        for point in _mounts_of(lender, name):
            if point.kind in ("bind", "volume"):
                yield _borrowed(point, mode)


def _mounts_of(lender: Lender, name: str) -> tuple[MountPoint, ...]:
    """As Docker, not a 404: clients would take that for a missing image and pull it."""
    try:
        return lender(name).mounts
    except NotFound as error:
        raise Invalid(error.message) from None


def _borrowed(point: MountPoint, mode: str) -> Wanted:
    words = mode.split(",") if mode else []
    volume = VolumeRequest(point.name) if point.kind == "volume" else None
    if not mode:
        return Wanted(replace(point, copy=False), volume)
    writable = point.rw and "ro" not in words
    options = tuple(word for word in point.options if word not in ("ro", "rro"))
    if not writable:
        options += ("rro" if "rbind" in options else "ro",)
    return Wanted(replace(point, mode=mode, rw=writable, options=options, copy=False), volume)


# -- -v


def from_bind(text: str, path: VolumePath, driver: str = "", *, create: bool = True) -> Wanted:
    """`[source:]target[:mode]`, as in `-v`. Raises Invalid.

    A source that is not there is made when the container starts, or refused without `create`.
    """
    source, target, words = split_bind(text)
    try:
        target = clean_target(target)
    except Invalid as error:
        raise Invalid(f"invalid volume specification: '{text}': {error.message}") from None
    if source.startswith("/"):
        point = _bind(source, target, words, create=create)
        if not create and not os.path.lexists(point.source):
            raise Invalid(
                f"bind source path does not exist: {point.source}",
                hint="make it first; the profile of this engine makes none (docs/profiles.md)",
            )
        return Wanted(replace(point, mode=",".join(words)))
    if any(word in PROPAGATION for word in words):
        raise Invalid(f"invalid volume specification: '{text}': propagation is for bind mounts")
    labels = None if source else {ANONYMOUS: ""}
    request = VolumeRequest(source or secrets.token_hex(32), driver, labels)
    return _volume(request, target, words, path)


def from_volume(target: str, path: VolumePath) -> Wanted:
    """A volume of the image, or `-v /target`. Raises Invalid."""
    try:
        clean = clean_target(target)
    except Invalid as error:
        raise Invalid(f"invalid volume specification: '{target}': {error.message}") from None
    request = VolumeRequest(secrets.token_hex(32), labels={ANONYMOUS: ""})
    wanted = _volume(request, clean, [], path)
    return Wanted(replace(wanted.point, mode=""), wanted.volume)


def _volume(request: VolumeRequest, target: str, words: Sequence[str], path: VolumePath) -> Wanted:
    read_only = "ro" in words
    point = MountPoint(
        "volume",
        path(request.name),
        target,
        name=request.name,
        driver=LOCAL,
        mode=",".join(words) or _VOLUME_MODE,
        rw=not read_only,
        options=("rbind", DEFAULT_PROPAGATION, *(["ro"] if read_only else [])),
        copy="nocopy" not in words,
        idmap=ownership.form_of(words),
    )
    return Wanted(point, request)


def _bind(
    source: str, target: str, words: Sequence[str], *, create: bool, recursive: bool = True
) -> MountPoint:
    propagation = next((word for word in words if word in PROPAGATION), DEFAULT_PROPAGATION)
    read_only = "ro" in words
    options = ["rbind" if recursive else "bind", propagation]
    if read_only:
        options.append("rro" if recursive else "ro")
    return MountPoint(
        "bind",
        posixpath.normpath(source),
        target,
        rw=not read_only,
        propagation=propagation,
        options=tuple(options),
        create=create,
        idmap=ownership.form_of(words),
    )


# -- --mount


def from_mount(mount: Mount, path: VolumePath) -> Wanted:
    """One `--mount`. Raises Invalid."""
    try:
        if not mount.target:
            raise Invalid("field Target must not be empty")
        target = clean_target(mount.target)
        return _MAKERS[mount.type](mount, target, path)
    except KeyError:
        problem = "mount type unknown"
    except Invalid as error:
        problem = error.message
    raise Invalid(f'invalid mount config for type "{mount.type}": {problem}')


def _bind_of(mount: Mount, target: str, path: VolumePath) -> Wanted:
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
    if options:
        _check_read_only(mount, options)
    words = [propagation] if propagation else []
    if mount.read_only:
        words.append("ro")
    recursive = not (options and options.non_recursive)
    point = _bind(mount.source, target, words, create=create, recursive=recursive)
    if mount.read_only and options and options.read_only_non_recursive:
        point = replace(point, options=tuple("ro" if w == "rro" else w for w in point.options))
    if options and options.id_mapping:
        point = replace(point, idmap=options.id_mapping.form)
    return Wanted(point)


def _check_read_only(mount: Mount, options: BindOptions) -> None:
    """The words about read-only mounts below the source need a read-only mount. Raises Invalid."""
    if options.read_only_non_recursive and not mount.read_only:
        raise Invalid("mode is rw, but ReadOnlyNonRecursive is set", hint=_READ_ONLY)
    if not options.read_only_force_recursive:
        return
    if not mount.read_only:
        raise Invalid("mode is rw, but ReadOnlyForceRecursive is set", hint=_READ_ONLY)
    if options.non_recursive:
        raise Invalid("ReadOnlyForceRecursive and NonRecursive exclude each other")
    if options.read_only_non_recursive:
        raise Invalid("ReadOnlyForceRecursive and ReadOnlyNonRecursive exclude each other")
    if options.propagation not in ("", "rprivate"):
        raise Invalid("ReadOnlyForceRecursive needs the propagation rprivate")


def _volume_of(mount: Mount, target: str, path: VolumePath) -> Wanted:
    options = mount.volume_options or VolumeOptions()
    if mount.source.startswith("/"):
        raise Invalid(f'"{mount.source}" includes invalid characters for a local volume name')
    driver = options.driver_config
    labels = dict(options.labels) if options.labels else None
    if not mount.source:
        labels = {**(labels or {}), ANONYMOUS: ""}
    request = VolumeRequest(
        mount.source or secrets.token_hex(32),
        driver.name if driver else "",
        labels,
        dict(driver.options) if driver and driver.options else None,
    )
    words = ["ro"] if mount.read_only else []
    wanted = _volume(request, target, words, path)
    subpath = _relative(options.subpath)
    copy = not options.no_copy and not subpath
    idmap = options.id_mapping.form if options.id_mapping else ""
    point = replace(wanted.point, mode=_VOLUME_MODE, copy=copy, subpath=subpath, idmap=idmap)
    return Wanted(point, request)


def _relative(subpath: str) -> str:
    """A path below a volume's top. Raises Invalid for one that leads out of it."""
    if not subpath:
        return ""
    if subpath.startswith("/") or ".." in subpath.split("/"):
        raise Invalid(f"subpath must be a relative path within the volume: {subpath}")
    return posixpath.normpath(subpath)


def _tmpfs_of(mount: Mount, target: str, path: VolumePath) -> Wanted:
    if mount.source:
        raise Invalid("field Source must not be specified")
    words = ["ro"] if mount.read_only else []
    if options := mount.tmpfs_options:
        words += [f"mode={options.mode:o}"] if options.mode else []
        words += [f"size={options.size_bytes}"] if options.size_bytes else []
        words += ["=".join(pair) for pair in options.options or ()]
    return Wanted(MountPoint("tmpfs", "", target, rw=not mount.read_only, options=tuple(words)))


def _image_of(mount: Mount, target: str, path: VolumePath) -> Wanted:
    if not mount.source:
        raise Invalid("field Source must not be empty")
    subpath = _relative(mount.image_options.subpath if mount.image_options else "")
    options = ("bind", DEFAULT_PROPAGATION, *(["ro"] if mount.read_only else []))
    return Wanted(
        MountPoint(
            "image", mount.source, target, rw=not mount.read_only, options=options, subpath=subpath
        )
    )


_MAKERS: Final = {
    "bind": _bind_of,
    "volume": _volume_of,
    "tmpfs": _tmpfs_of,
    "image": _image_of,
}


def check_tmpfs(targets: Sequence[str], points: Sequence[MountPoint]) -> None:
    """Check `--tmpfs` targets, also against the other mounts. Raises Invalid."""
    for target in targets:
        clean = clean_target(target)
        if any(point.destination == clean for point in points):
            raise Invalid(f"Duplicate mount point: {target}")
