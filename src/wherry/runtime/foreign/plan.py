"""What a one-shot launcher is told (`wherry.runtime.foreign.main`), as plain data.

A start:

    op          "launch"
    runtime     the runtime's command line up to its verb: [path, *arguments, "--root", directory]
    id          the container's id
    directory   the bundle directory; it is there, and nothing of value is in it
    spec        config.json; `root.path`, the user, sources and namespace paths are filled in
    mounts      {index in the spec's mounts: index in `sources`}
    read_only   indexes of sources that are shown read-only, what is mounted below them too
    namespaces  {index in the spec's namespaces: ("fd", n)}
    root, map_root, sources, maps   as in `wherry.runtime.plan`
    user        (text, further groups) to be looked up in the root's own files, or None
    hide        mounts that the runtime shall not see, it refuses the machine otherwise
    tasks       files into which the runtime writes "0" first: it shall find itself in the cgroup,
                because it was told not to place anything in one

An exec has op "join", `runtime`, `id`, `directory`, `user`, `hide`, `tasks`, `process` (OCI's
process object), `name` (of its files in `directory`), and the container's root as ("fd", 1) behind
the pidfd of its first process.
"""

from __future__ import annotations

from wherry.runtime import plan_mounts
from wherry.runtime.mount_options import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from wherry.kernel.mount import Mount

    Spec = Mapping[str, Any]
    Plan = dict[str, Any]
    User = tuple[str, Sequence[str]]

_DONE_BEFORE = ("idmap", "ridmap")
OCI_VERSION = "1.0.2"
"""What runc 1.1, crun and runsc of Debian 12 all read."""


def plan_start(
    id: str,
    spec: Spec,
    *,
    runtime: Sequence[str],
    directory: str,
    rootfs: str | Sequence[Mount],
    user: User | None,
    hide: Sequence[str] = (),
    tasks: Sequence[str] = (),
) -> Plan:
    """The plan of a container's first process.

    Sources of bind mounts and paths of namespaces may be ("fd", n). Raises ValueError for a root
    that is not one overlay or bind, and for an id-mapped mount without maps.
    """
    linux = spec["linux"]
    maps = _maps(linux)
    sources, mounts = _sources(spec.get("mounts") or (), mapped=maps is not None)
    places = {
        number: row["path"]
        for number, row in enumerate(linux.get("namespaces") or ())
        if row.get("path")
    }
    return {
        "op": "launch",
        "runtime": list(runtime),
        "id": id,
        "directory": directory,
        "spec": _readable(spec),
        "mounts": mounts,
        "namespaces": places,
        "root": plan_mounts.plan_root(rootfs),
        "map_root": maps is not None,
        "sources": sources,
        "read_only": _read_only(spec.get("mounts") or ()),
        "maps": maps,
        "user": _user(user),
        "hide": list(hide),
        "tasks": list(tasks),
    }


def plan_exec(
    id: str,
    name: str,
    process: Spec,
    *,
    runtime: Sequence[str],
    directory: str,
    user: User | None,
    hide: Sequence[str] = (),
    tasks: Sequence[str] = (),
) -> Plan:
    """The plan of a further process in container `id`."""
    return {
        "op": "join",
        "runtime": list(runtime),
        "id": id,
        "name": name,
        "directory": directory,
        "process": _filled(process),
        "user": _user(user),
        "hide": list(hide),
        "tasks": list(tasks),
    }


def _user(user: User | None) -> tuple[str, list[str]] | None:
    return (user[0], list(user[1])) if user else None


def _maps(linux: Spec) -> tuple[bytes, bytes] | None:
    if not linux.get("uidMappings"):
        return None
    return (
        plan_mounts.id_map(linux["uidMappings"]),
        plan_mounts.id_map(linux.get("gidMappings") or ()),
    )


def _sources(
    mounts: Sequence[Spec], *, mapped: bool
) -> tuple[list[tuple[Any, bool, Any]], dict[int, int]]:
    """The bind sources, and which mount each is for; their id maps are applied before."""
    sources: list[tuple[Any, bool, Any]] = []
    indexes: dict[int, int] = {}
    for number, row in enumerate(mounts):
        options = parse(list(row.get("options") or ()))
        if _is_bind(row):
            indexes[number] = len(sources)
            mapping = plan_mounts.idmap_of(row, options, mapped)
            sources.append((row["source"], bool(options.bind), mapping))
    return sources, indexes


def _readable(spec: Spec) -> Plan:
    """The spec in words that every runtime knows; what is empty is left out."""
    mounts = [
        {key: value for key, value in row.items() if key in ("destination", "type", "source")}
        | {"options": [_word(o) for o in row.get("options") or () if o not in _DONE_BEFORE]}
        for row in spec.get("mounts") or ()
    ]
    linux = {**_filled(spec["linux"]), "resources": _limits(spec["linux"].get("resources") or {})}
    if domain := spec.get("domainname"):  # younger than the others' specification
        linux["sysctl"] = {**(linux.get("sysctl") or {}), "kernel.domainname": domain}
    kept = {key: value for key, value in spec.items() if value and key != "domainname"}
    kept["process"] = _filled(spec["process"])
    return {**kept, "ociVersion": OCI_VERSION, "mounts": mounts, "linux": linux}


def _filled(values: Spec) -> Plan:
    """Without empty texts: to crun the label "" is one that it cannot set."""
    return {key: value for key, value in values.items() if value not in ("", None)}


def _limits(resources: Spec) -> Plan:
    """The limits, a device rule's "any" left out instead of -1, which crun takes for a number."""
    rules = resources.get("devices") or ()
    return {
        **resources,
        "devices": [{key: value for key, value in rule.items() if value != -1} for rule in rules],
    }


def _word(option: str) -> str:
    """A mount option as runsc knows it, too: the tree is read-only before (`shelter`)."""
    return "ro" if option == "rro" else option


def _read_only(mounts: Sequence[Spec]) -> list[int]:
    """The sources, by index, that are made read-only with everything below them."""
    binds = [row for row in mounts if _is_bind(row)]
    return [number for number, row in enumerate(binds) if "rro" in (row.get("options") or ())]


def _is_bind(row: Spec) -> bool:
    return row.get("type") == "bind" or parse(list(row.get("options") or ())).bind is not None
