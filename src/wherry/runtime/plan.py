"""From an OCI spec to a plan: the ordered operations of one start, as plain data.

A plan says everything and asks nothing: making it reads no file, so that a test compares it as a
value and a debug flag prints it (`describe`). Values are what `marshal` writes.

A launch plan:

    op          "launch"
    clone       CLONE_NEW* flags of the namespaces to make
    enter       [(flag, namespace)]  namespaces to join: ("fd", n) or a path
    into        path of the cgroup v2 directory to be born in, or None
    maps        (uid_map, gid_map) contents for a new user namespace, or None; one that is joined
                has its own
    offsets     [(clock, seconds, nanoseconds)] of a new time namespace
    root        ("overlay", [options]) | ("bind", source)      source: ("fd", n) or a path
    map_root    whether the root is seen through the id maps of the container's user namespace
    sources     [(source, recursive, mapping)]  what bind steps name by their index; `mapping` is
                None or (uid_map, gid_map, whether the mounts below too), empty maps for those of
                the container's user namespace
    devices     None, or (options, nodes) for a /dev made outside, where the child may make no nodes
                itself
    steps       [(name, *arguments)]  what the child does, in order; see `steps/table.py`

A join plan has op "join", `target` (("fd", n), the pidfd of a process of the container), `clone`
0, `enter` as CLONE_NEW* flags, `into` and `steps`.

("fd", n) is the n-th of the descriptors that travel with the plan.
"""

from __future__ import annotations

from wherry.kernel.namespace import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWUSER,
    NAMESPACES,
)
from wherry.runtime import plan_mounts, plan_process
from wherry.runtime.cgroup_place import CgroupPlace as CgroupPlace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from wherry.kernel.mount import Mount
    from wherry.runtime.plan_process import Landlock

    Spec = Mapping[str, Any]
    Plan = dict[str, Any]
    Source = str | tuple[str, int]
    Step = tuple[Any, ...]


def plan_launch(
    spec: Spec,
    *,
    rootfs: Source | Sequence[Mount],
    cgroup: CgroupPlace,
    seccomp: tuple[bytes, int] | bytes | None = None,
    user: str = "",
    groups: Sequence[str] = (),
    terminal: bool | None = None,
    create_cwd: bool = False,
    stage: str | None = None,
    pivot: bool = True,
    keyring: str | None = None,
    hooks: Mapping[str, Sequence[Step]] | None = None,
    preserve_fds: int = 0,
    map_root: bool = False,
    landlock: Landlock | None = None,
) -> Plan:
    """The plan that starts the first process of a container.

    `spec`: OCI config.json as a value; mounts of type bind may have ("fd", n) as their source, and
    so may a namespace's `path`. `rootfs`: the snapshotter's mounts (one overlay or bind), a
    directory, or ("fd", n) of a detached mount. `seccomp`: the compiled program, or (program,
    SECCOMP_FILTER_FLAG_*). `user`: `name[:group]` to be looked up in the image's own files, with
    `groups` in addition (empty: `process.user` as numbers). `terminal`: None takes
    `process.terminal`. `create_cwd`: make the working directory where it is missing. `stage`: an
    empty directory on which the root is mounted for a moment; None is the launcher's own. `pivot`
    False moves the root mount instead (root on initramfs). `keyring`: name of a new session
    keyring, None keeps the caller's. `hooks`: further steps at one of the OCI moments "created"
    (namespaces made, before the root is entered), "entered" (before what is only the process's
    own) and "ready" (all is done but seccomp and exec). `map_root`: where there is a user
    namespace, show the root through its maps, so that what belongs to 0 on disk is root's inside.
    `landlock`: what `steps.landlock.restrict` takes.

    Raises ValueError for a capability, resource limit or namespace type that there is not.
    """
    linux = spec.get("linux") or {}
    process = spec.get("process") or {}
    clone, enter = _namespaces(linux.get("namespaces") or [])
    maps = _maps(linux) if clone & CLONE_NEWUSER else None
    mapped = bool(maps) or any(flag == CLONE_NEWUSER for flag, _ in enter)
    mounts = plan_mounts.plan_mounts(spec, cgroup, mapped, clone)
    moments = hooks or {}
    tty = bool(process.get("terminal")) if terminal is None else terminal
    return {
        "op": "launch",
        "clone": clone & ~(CLONE_NEWCGROUP | (CLONE_NEWIPC if mapped else 0)),
        "enter": enter,
        "into": cgroup.into,
        "maps": maps,
        "offsets": _time_offsets(linux.get("timeOffsets") or {}),
        "root": plan_mounts.plan_root(rootfs),
        "map_root": map_root and mapped,
        "sources": mounts.sources,
        "devices": mounts.devices,
        "steps": [
            *plan_process.outside_steps(process),
            ("cgroup", cgroup.tasks, bool(clone & CLONE_NEWCGROUP)),
            *([("open_stage", stage), ("become_root", clone & CLONE_NEWIPC)] if mapped else []),
            *moments.get("created", ()),
            *([("prepare", mounts.prepared)] if mounts.prepared else []),
            ("rootfs", stage, plan_mounts.root_propagation(linux), pivot),
            *_container_steps(spec, clone, mounts, tty),
            *moments.get("entered", ()),
            *plan_process.process_steps(process, user, groups, tty, create_cwd, keyring, linux),
            *moments.get("ready", ()),
            *plan_process.confining_steps(process, seccomp, preserve_fds, landlock),
        ],
    }


def plan_join(
    process: Spec,
    *,
    namespaces: Sequence[Spec],
    cgroup: CgroupPlace,
    target: Source = ("fd", 0),
    seccomp: tuple[bytes, int] | bytes | None = None,
    user: str = "",
    groups: Sequence[str] = (),
    terminal: bool | None = None,
    create_cwd: bool = False,
    keyring: str | None = None,
    preserve_fds: int = 0,
    landlock: Landlock | None = None,
) -> Plan:
    """The plan that starts a further process in a running container.

    `process` is an OCI process object; `namespaces` the container's own `linux.namespaces` (all of
    them are joined at once through the pidfd `target`); the rest as for `plan_launch`.
    """
    wants_terminal = bool(process.get("terminal")) if terminal is None else terminal
    enter = 0
    for namespace in namespaces:
        enter |= _flag(namespace)
    return {
        "op": "join",
        "target": target,
        "clone": 0,
        "enter": enter,
        "into": cgroup.into,
        "steps": [
            *plan_process.outside_steps(process),
            ("cgroup", cgroup.tasks, False),
            ("join", enter),
            *([("become_root", 0)] if enter & CLONE_NEWUSER else []),
            *([("terminal", False, _console_size(process))] if wants_terminal else []),
            *plan_process.process_steps(
                process, user, groups, wants_terminal, create_cwd, keyring, {}
            ),
            *plan_process.confining_steps(process, seccomp, preserve_fds, landlock),
        ],
    }


def describe(plan: Plan) -> str:
    """The plan for a human's eyes, one operation a line; long byte strings only by their length."""
    lines = [f"{key}: {_shown(value)}" for key, value in plan.items() if key != "steps"]
    lines += [f"  {name} {' '.join(map(_shown, rest))}".rstrip() for name, *rest in plan["steps"]]
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    if isinstance(value, bytes) and len(value) > 64:
        return f"<{len(value)} bytes>"
    return repr(value)


def _flag(namespace: Spec) -> int:
    kind = namespace.get("type", "")
    if kind not in NAMESPACES:
        raise ValueError(f"unknown namespace type {kind!r}")
    return NAMESPACES[kind][0]


def _namespaces(namespaces: Sequence[Spec]) -> tuple[int, list[tuple[int, Source]]]:
    clone = 0
    enter: list[tuple[int, Source]] = []
    for namespace in namespaces:
        flag, path = _flag(namespace), namespace.get("path")
        if path:
            enter.append((flag, path))
        else:
            clone |= flag
    return clone, enter


def _maps(linux: Spec) -> tuple[bytes, bytes]:
    return (
        plan_mounts.id_map(linux.get("uidMappings") or []),
        plan_mounts.id_map(linux.get("gidMappings") or []),
    )


def _time_offsets(offsets: Mapping[str, Spec]) -> list[tuple[str, int, int]]:
    return [
        (clock, int(value.get("secs", 0)), int(value.get("nanosecs", 0)))
        for clock, value in offsets.items()
    ]


def _container_steps(
    spec: Spec, clone: int, mounts: plan_mounts.MountPlan, terminal: bool
) -> list[Step]:
    """From an empty root to a container without a process of its own."""
    return [
        *mounts.steps,
        *_system_steps(spec, clone),
        *([("terminal", True, _console_size(spec["process"]))] if terminal else []),
        *mounts.closing_steps,
    ]


def _console_size(process: Spec) -> tuple[int, int] | None:
    size = process.get("consoleSize")
    return (size["height"], size["width"]) if size else None


def _system_steps(spec: Spec, clone: int) -> list[Step]:
    """What belongs to the container's namespaces rather than to its first process."""
    steps: list[Step] = []
    if spec.get("hostname"):
        steps.append(("hostname", spec["hostname"]))
    if spec.get("domainname"):
        steps.append(("domainname", spec["domainname"]))
    if clone & CLONE_NEWNET:
        steps.append(("loopback",))
    sysctl = (spec.get("linux") or {}).get("sysctl") or {}
    if sysctl:
        steps.append(("sysctl", [(_sysctl_path(name), value) for name, value in sysctl.items()]))
    return steps


def _sysctl_path(name: str) -> str:
    """sysctl(8)'s two spellings: the separator is whichever of "." and "/" comes first."""
    dot, slash = name.find("."), name.find("/")
    if slash == -1 or -1 < dot < slash:
        return name.translate({ord("."): "/", ord("/"): "."})
    return name
