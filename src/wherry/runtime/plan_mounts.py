"""The steps of a plan that make the container's file system: mounts, devices, hidden paths."""

from __future__ import annotations

from wherry.kernel.devices import STANDARD
from wherry.kernel.mount import MOUNT_ATTR__ATIME, MS_REC, MS_SLAVE
from wherry.kernel.namespace import CLONE_NEWCGROUP
from wherry.runtime.mount_options import PROPAGATION, Options, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from wherry.kernel.devices import Node
    from wherry.kernel.mount import Mount
    from wherry.runtime.cgroup_place import CgroupPlace

    Spec = Mapping[str, Any]
    Step = tuple[Any, ...]
    Source = str | tuple[str, int]
    IdMapping = tuple[bytes, bytes, bool]

_LABELLED = ("tmpfs", "devpts")  # file systems that take an SELinux context option
_LABELLED_AFTER = ("mqueue",)  # whose superblock is older than the mount, and has its label

_SHOWN_TO_BE_MADE = ("proc", "sysfs")  # in a user namespace, see steps/filesystem.py:prepare


class MountPlan:
    """What `plan_mounts` gives: parts of a plan, see `plan.py`."""

    __slots__ = ("closing_steps", "devices", "prepared", "sources", "steps")

    def __init__(self) -> None:
        self.sources: list[tuple[Source, bool, IdMapping | None]] = []
        self.devices: tuple[list[str], list[Node]] | None = None
        self.prepared: list[tuple[str, str, str, list[str], int]] = []
        self.steps: list[Step] = []
        self.closing_steps: list[Step] = []

    def source(self, source: Source, recursive: bool, mapping: IdMapping | None) -> int:
        """The index under which steps name this bind source."""
        self.sources.append((source, recursive, mapping))
        return len(self.sources) - 1


def plan_root(rootfs: Source | Sequence[Mount]) -> tuple[str, Any]:
    """How the root's mount is made. Raises ValueError for what is not one overlay or bind."""
    if isinstance(rootfs, str):
        return ("bind", rootfs)
    if len(rootfs) == 2 and rootfs[0] == "fd":
        return ("bind", rootfs)
    if len(rootfs) != 1:
        raise ValueError("a root file system is one mount")
    mount: Mount = rootfs[0]
    if mount.type == "overlay":
        return ("overlay", mount.options)
    if mount.type == "bind" or {"bind", "rbind"} & set(mount.options):
        return ("bind", mount.source)
    raise ValueError(f"a root file system of type {mount.type!r} is not known")


def root_propagation(linux: Spec) -> int:
    """MS_* for the whole mount namespace before the root is entered; OCI's default is slave."""
    word = linux.get("rootfsPropagation") or "rslave"
    if word not in PROPAGATION:
        raise ValueError(f"unknown rootfsPropagation {word!r}")
    return PROPAGATION[word] | MS_REC


def id_map(mappings: Sequence[Spec]) -> bytes:
    """OCI id mappings as the lines of uid_map and gid_map."""
    rows = [f"{row['containerID']} {row['hostID']} {row['size']}\n" for row in mappings]
    return "".join(rows).encode()


def plan_mounts(spec: Spec, cgroup: CgroupPlace, mapped: bool, clone: int) -> MountPlan:
    """All mounts of `spec`, /dev with its nodes, masked and read-only paths.

    `mapped`: the container has a user namespace, new or joined. `clone`: its new namespaces.
    """
    plan = MountPlan()
    linux = spec.get("linux") or {}
    nodes = [*STANDARD, *(_node(device) for device in linux.get("devices") or [])]
    mounts = spec.get("mounts") or []
    for mount in mounts:
        _add(plan, mount, spec, cgroup, mapped, clone)
    _add_devices(plan, mounts, nodes)
    cwd = (spec.get("process") or {}).get("cwd") or "/"
    plan.closing_steps += [("make_directory", cwd)] if cwd != "/" else []
    plan.closing_steps += _hiding_steps(spec, linux)
    return plan


def _add(
    plan: MountPlan,
    mount: Spec,
    spec: Spec,
    cgroup: CgroupPlace,
    mapped: bool,
    clone: int,
) -> None:
    kind, target = mount.get("type") or "", mount["destination"]
    options = parse(list(mount.get("options") or []))
    if kind == "bind" or options.bind is not None:
        plan.steps.append(_bind(plan, mount, options, spec.get("linux") or {}, mapped))
    elif kind in ("cgroup", "cgroup2"):
        private = bool(clone & CLONE_NEWCGROUP)
        plan.steps.append(_cgroup(plan, target, options, cgroup, private))
    elif kind == "tmpfs" and target == "/dev" and mapped:
        plan.devices = (_labelled(options.data, kind, spec), [])
        plan.steps.append(("devfs", target))
    else:
        data = _labelled(options.data, kind, spec)
        source = mount.get("source") or kind
        row = (kind, source, target, data, options.attributes[0])
        plan.steps.append(("mount", *row, _after(options)))
        if kind in _LABELLED_AFTER and (label := _mount_label(spec)):
            plan.steps.append(("file_label", target, label))
        if mapped and kind in _SHOWN_TO_BE_MADE:
            plan.prepared.append(row)
        if options.copy_up and kind == "tmpfs":
            plan.steps[-1] = ("tmpfs_copy", *plan.steps[-1][3:])


def _labelled(data: list[str], kind: str, spec: Spec) -> list[str]:
    label = _mount_label(spec)
    return [*data, f"context={label}"] if label and kind in _LABELLED else data


def _mount_label(spec: Spec) -> str:
    return (spec.get("linux") or {}).get("mountLabel") or ""


def _after(options: Options) -> tuple[int, int, tuple[int, bool] | None]:
    """What is set on the whole tree, and its propagation: (set, clear, propagation)."""
    return (*options.tree, options.propagation)


def _bind(plan: MountPlan, mount: Spec, options: Options, linux: Spec, mapped: bool) -> Step:
    """Words that would lift a restriction of the source ("rw", "dev", ...) lift nothing."""
    index = plan.source(mount["source"], bool(options.bind), idmap_of(mount, options, mapped))
    attributes = options.attributes[0]
    clear = options.attributes[1] & MOUNT_ATTR__ATIME
    default = (MS_SLAVE, True) if not linux.get("rootfsPropagation") else None
    propagation = options.propagation or default or _split(root_propagation(linux))
    name = mount["source"] if isinstance(mount["source"], str) else ""
    return (
        "bind",
        index,
        mount["destination"],
        (attributes, clear),
        (options.tree[0], options.tree[1] & MOUNT_ATTR__ATIME, propagation),
        name,
    )


def _split(propagation: int) -> tuple[int, bool]:
    return (propagation & ~MS_REC, bool(propagation & MS_REC))


def idmap_of(mount: Spec, options: Options, mapped: bool) -> IdMapping | None:
    """The mount's own maps, or with "idmap" those of the container's user namespace.

    Only "ridmap" asks for the mounts below it too (OCI config.md, Linux mount options).
    """
    recursive = bool(options.idmap)
    rows = mount.get("uidMappings") or [], mount.get("gidMappings") or []
    if rows[0] or rows[1]:
        return (id_map(rows[0]), id_map(rows[1]), recursive)
    if options.idmap is None:
        return None
    if not mapped:
        target = mount["destination"]
        raise ValueError(f"mount at {target}: idmap needs maps, or a user namespace")
    return (b"", b"", recursive)


def _cgroup(
    plan: MountPlan, target: str, options: Options, cgroup: CgroupPlace, private: bool
) -> Step:
    """The container's own view: mounted in its cgroup namespace, or bound from the host's tree."""
    attributes = options.attributes[0]
    if cgroup.unified is not None:
        index = None if private else plan.source(cgroup.unified, False, None)
        return ("cgroup_v2", target, attributes, index)
    rows = []
    for directory, words in _hierarchies(cgroup.directories):
        index = None if private else plan.source(directory, False, None)
        rows.append((words, index))
    return ("cgroup_v1", target, attributes, rows)


def _hierarchies(directories: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Controllers that are mounted together share one directory: (directory, their words)."""
    words: dict[str, list[str]] = {}
    for word, directory in directories.items():
        words.setdefault(directory, []).append(word)
    return list(words.items())


def _node(device: Spec) -> Node:
    return (
        device["path"],
        device["type"],
        int(device.get("major") or 0),
        int(device.get("minor") or 0),
        int(device["fileMode"]) & 0o7777 if device.get("fileMode") is not None else 0o666,
        int(device.get("uid") or 0),
        int(device.get("gid") or 0),
    )


def _add_devices(plan: MountPlan, mounts: Sequence[Spec], nodes: list[Node]) -> None:
    """Nodes go into a /dev of the container's own; one bound from elsewhere is left alone."""
    bound = any(m["destination"] == "/dev" and (m.get("type") or "bind") == "bind" for m in mounts)
    if bound:
        return
    if plan.devices:
        plan.devices = (plan.devices[0], nodes)
        nodes = []
    plan.steps += [("devices", nodes)] if nodes else []
    plan.steps.append(("device_links",))


def _hiding_steps(spec: Spec, linux: Spec) -> list[Step]:
    steps: list[Step] = []
    if linux.get("readonlyPaths"):
        steps.append(("read_only", list(linux["readonlyPaths"])))
    if linux.get("maskedPaths"):
        steps.append(("mask", list(linux["maskedPaths"])))
    if (spec.get("root") or {}).get("readonly"):
        steps.append(("read_only_root",))
    return steps
