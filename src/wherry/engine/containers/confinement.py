"""Containers made through a scoped socket: their binds stay below a directory, volumes are its own.

Here is what must hold when files are opened, not only when somebody asked. A bind is kept as a path
below the root, resolved there at every start without leaving it (openat2(2), RESOLVE_IN_ROOT):
whoever can write below the root may swap links as they like. Volumes are judged in the step that
takes hold of them, so that none can be exchanged in between.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from wherry.engine.containers.ownership import Ids
from wherry.errors import Denied, Invalid, NotFound
from wherry.kernel.path import open_in

if TYPE_CHECKING:
    from wherry.engine.containers.mountpoints import Wanted
    from wherry.engine.containers.record import MountPoint
    from wherry.engine.volumes.values import Volume

_REMOTE: Final = frozenset(("nfs", "nfs4", "cifs", "tmpfs"))
"""Types of volumes with options that show nothing of this machine's disks."""
_BINDING: Final = frozenset(("bind", "rbind", "move", "remount"))
"""Words of mount(8) to which the type means nothing."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What holds a container: the directory of its binds ("": it has none), labels of volumes."""

    bind_root: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def confined(self, wanted: Sequence[Wanted], caller: Ids | None) -> tuple[Wanted, ...]:
        """The mounts as they may be made. Raises Denied, Invalid."""
        return tuple(_confined(each, self, caller) for each in wanted)

    def check_volumes(self, wanted: Sequence[Wanted], find: Callable[[str], Volume]) -> None:
        """Raise Invalid, Denied unless every volume that is there may be used."""
        for each in wanted:
            if each.volume is None:
                continue
            try:
                volume = find(each.volume.name)
            except NotFound:
                continue  # it is made, with the labels
            _check_volume(volume, self.labels)


def _confined(wanted: Wanted, held: Confinement, caller: Ids | None) -> Wanted:
    if wanted.point.kind == "bind":
        return replace(wanted, point=_below(wanted.point, held.bind_root, caller))
    if wanted.volume is None:
        return wanted
    labels = {**(wanted.volume.labels or {}), **held.labels}
    return replace(wanted, volume=replace(wanted.volume, labels=labels or None))


def below(path: str, root: str) -> str | None:
    """The path as seen from the root ("" for itself), None when it is not below it by its text."""
    if path == root:
        return ""
    return path.removeprefix(f"{root}/") if path.startswith(f"{root}/") else None


def _below(point: MountPoint, root: str, caller: Ids | None) -> MountPoint:
    path = os.path.normpath(os.path.join(point.source, point.subpath))
    subpath = below(path, root) if root else None
    if subpath is None:
        where = f"only directories below {root} can" if root else "no directory of the host can"
        raise Denied(f"{path} cannot be mounted: through this socket {where}")
    _check_there(root, subpath, path)
    # Root in the container makes files of the caller's, not programs that are setuid root.
    idmap = f"{caller.uid}:{caller.gid}" if caller is not None and caller.uid else point.idmap
    return replace(point, source=root, subpath=subpath, create=False, idmap=idmap)


def _check_there(root: str, subpath: str, path: str) -> None:
    try:
        top = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.close(open_in(top, subpath or ".", os.O_PATH))
        finally:
            os.close(top)
    except OSError as error:
        raise Invalid(
            f"bind source path {path} cannot be opened below {root}: {error.strerror}",
            hint="it must be there, and no link may lead out of it",
        ) from None


def _check_volume(volume: Volume, labels: Mapping[str, str]) -> None:
    if not carries(volume.labels, labels):
        # Not a 404: clients would take that for a missing image and pull it.
        raise Invalid(f"get {volume.name}: no such volume", hint="its name is somebody else's")
    if not harmless(volume):
        raise Denied(
            f"volume {volume.name} cannot be mounted: its options lead to the host's files"
        )


def carries(labels: Mapping[str, str] | None, wanted: Mapping[str, str]) -> bool:
    """Whether all of the wanted labels are there, with their values."""
    given = labels or {}
    return all(given.get(key) == value for key, value in wanted.items())


def harmless(volume: Volume) -> bool:
    """Whether its files are its own, or another machine's."""
    options = volume.options or {}
    words = set(options.get("o", "").split(","))
    return not options or (options.get("type") in _REMOTE and not words & _BINDING)
