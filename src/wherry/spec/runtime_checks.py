"""Checks of an OCI runtime configuration: a list of small named ones, run in order.

First the types of the fields that we use (`wherry.spec.runtime_shape`), then what they mean. Each
check yields what is wrong, one sentence per problem; the texts are runc's where runc has one.
Sources: runtime-spec config.md and config-linux.md.
"""

from __future__ import annotations

from wherry.errors import Invalid
from wherry.spec import runtime_shape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Spec = dict[str, Any]

NAMESPACE_TYPES = ("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time")
RLIMITS = (
    "AS CORE CPU DATA FSIZE LOCKS MEMLOCK MSGQUEUE NICE NOFILE NPROC RSS RTPRIO RTTIME SIGPENDING"
    " STACK"
)
PROPAGATIONS = tuple(
    prefix + kind for kind in ("private", "shared", "slave", "unbindable") for prefix in ("", "r")
)
IPC_SYSCTLS = (
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
)
HOOKS = (
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
)


def validate(spec: Spec) -> None:
    """Raise Invalid with the first problem of `spec`; return if there is none."""
    for problem in problems(spec):
        raise Invalid(problem)


def validate_process(process: Spec | None) -> None:
    """The same for a process alone, as exec gets one."""
    for problem in runtime_shape.mismatches(process, runtime_shape.PROCESS, "process"):
        raise Invalid(problem)
    for problem in check_process({"process": process}):
        raise Invalid(problem)


def problems(spec: Spec) -> Iterator[str]:
    """All problems; the meaning is looked at only once the types are right."""
    wrong = list(runtime_shape.mismatches(spec, runtime_shape.SPEC, ""))
    yield from wrong
    if not wrong:
        for check in CHECKS:
            yield from check(spec)


def namespaces(spec: Spec) -> dict[str, str]:
    """Namespace type -> path to join, "" for a new one."""
    return {row["type"]: row.get("path") or "" for row in _linux(spec).get("namespaces") or ()}


def _linux(spec: Spec) -> Spec:
    linux: Spec = spec.get("linux") or {}
    return linux


def check_version(spec: Spec) -> Iterator[str]:
    """Version 1 of the specification, whatever its minor number."""
    version = spec.get("ociVersion") or ""
    if not version.startswith("1."):
        yield f"unsupported ociVersion {version!r}: version 1 of the runtime specification is"


def check_root(spec: Spec) -> Iterator[str]:
    """A root file system is named."""
    if not (spec.get("root") or {}).get("path"):
        yield "root must be specified"


def check_process(spec: Spec) -> Iterator[str]:
    """What to run, and where."""
    process = spec.get("process")
    if not process:
        yield "process property must not be empty"
        return
    if not process.get("cwd"):
        yield "Cwd property must not be empty"
    elif not process["cwd"].startswith("/"):
        yield "Cwd must be an absolute path"
    if not process.get("args"):
        yield "args must not be empty"
    for entry in process.get("env") or ():
        if "=" not in entry or entry.startswith("="):
            yield f"environment variable {entry!r} is not of the form NAME=value"
    adjustment = process.get("oomScoreAdj") or 0
    if not -1000 <= adjustment <= 1000:
        yield f"oomScoreAdj {adjustment} is not between -1000 and 1000"


def check_rlimits(spec: Spec) -> Iterator[str]:
    """Known names, once each, soft not above hard."""
    seen = set()
    for row in (spec.get("process") or {}).get("rlimits") or ():
        kind = row["type"]
        if kind.removeprefix("RLIMIT_") not in RLIMITS.split() or not kind.startswith("RLIMIT_"):
            yield f"invalid rlimit type: {kind}"
        if kind in seen:
            yield f"rlimit {kind} is given twice"
        if row["soft"] > row["hard"]:
            yield f"rlimit {kind}: the soft limit {row['soft']} is above the hard one {row['hard']}"
        seen.add(kind)


def check_namespaces(spec: Spec) -> Iterator[str]:
    """Known kinds, once each, joined by absolute paths."""
    seen = set()
    for row in _linux(spec).get("namespaces") or ():
        kind, path = row["type"], row.get("path") or ""
        if kind not in NAMESPACE_TYPES:
            yield f"unknown namespace type {kind!r}"
        if kind in seen:
            yield f"malformed spec file: duplicated ns {kind!r}"
        if path and not path.startswith("/"):
            yield f"path of the {kind} namespace {path!r} is not absolute"
        seen.add(kind)


def check_names(spec: Spec) -> Iterator[str]:
    """Host and domain name belong to the UTS namespace."""
    if "uts" in namespaces(spec):
        return
    if spec.get("hostname"):
        yield "unable to set hostname without a private UTS namespace"
    if spec.get("domainname"):
        yield "unable to set domainname without a private UTS namespace"


def check_mount_namespace(spec: Spec) -> Iterator[str]:
    """Without a mount namespace of its own the container would rearrange the host."""
    kinds = namespaces(spec)
    if "mount" in kinds:
        return
    linux = _linux(spec)
    if linux.get("maskedPaths") or linux.get("readonlyPaths"):
        yield "unable to restrict sys entries without a private MNT namespace"
    else:
        yield "a container needs a mount namespace"


def check_mounts(spec: Spec) -> Iterator[str]:
    """A destination each."""
    for mount in spec.get("mounts") or ():
        if not mount.get("destination"):
            yield f"mount of {mount.get('source') or mount.get('type')!r} has no destination"


def check_propagation(spec: Spec) -> Iterator[str]:
    """A propagation type that exists."""
    propagation = _linux(spec).get("rootfsPropagation")
    if propagation and propagation not in PROPAGATIONS:
        yield f"rootfsPropagation={propagation} is not supported"


def check_id_mappings(spec: Spec) -> Iterator[str]:
    """Maps exactly where a new user namespace is asked for."""
    linux = _linux(spec)
    maps = [linux.get("uidMappings"), linux.get("gidMappings")]
    user = namespaces(spec).get("user")
    if user is None and any(maps):
        yield "user namespace mappings specified, but user namespace isn't enabled in the config"
    if user == "" and not all(maps):
        yield "user namespace is enabled in the config, but uidMappings or gidMappings are missing"


def check_time_offsets(spec: Spec) -> Iterator[str]:
    """Offsets only for a new time namespace."""
    if _linux(spec).get("timeOffsets") and namespaces(spec).get("time") != "":
        yield "time namespace offsets specified, but no new time namespace is enabled in the config"


def check_sysctls(spec: Spec) -> Iterator[str]:
    """Only what a namespace of the container keeps to itself (config-linux.md, "Sysctl")."""
    kinds = namespaces(spec)
    for name in _linux(spec).get("sysctl") or {}:
        dotted = name.replace("/", ".") if "/" in name and "." not in name else name
        if dotted in IPC_SYSCTLS or dotted.startswith("fs.mqueue."):
            needed = "ipc"
        elif dotted.startswith(("net.", "net/")):
            needed = "network"
        elif dotted in ("kernel.domainname", "kernel.hostname"):
            needed = "uts"
        else:
            yield f'sysctl "{name}" is not in a separate kernel namespace'
            continue
        if needed not in kinds:
            yield f'sysctl "{name}" is not allowed in the hosts {needed} namespace'


def check_devices(spec: Spec) -> Iterator[str]:
    """Nodes of a known kind, at absolute paths."""
    for device in _linux(spec).get("devices") or ():
        if device["type"] not in ("c", "u", "b", "p"):
            yield f"invalid device type {device['type']!r}"
        if not device["path"].startswith("/"):
            yield f"path of the device {device['path']!r} is not absolute"


def check_resources(spec: Spec) -> Iterator[str]:
    """Values that the kernel takes without saying that they are wrong."""
    resources = _linux(spec).get("resources") or {}
    for rule in resources.get("devices") or ():
        if rule.get("type") not in (None, "", "a", "b", "c", "u"):
            yield f"invalid device cgroup rule type {rule['type']!r}"
        if set(rule.get("access") or "") - set("rwm"):
            yield f"invalid device cgroup rule access {rule['access']!r}"
    swappiness = (resources.get("memory") or {}).get("swappiness")
    if swappiness is not None and not 0 <= swappiness <= 100:
        yield f"invalid memory swappiness value {swappiness} (must be between 0 and 100)"


def check_hooks(spec: Spec) -> Iterator[str]:
    """Absolute paths, sensible timeouts."""
    for kind in HOOKS:
        for hook in (spec.get("hooks") or {}).get(kind) or ():
            if not hook["path"].startswith("/"):
                yield f"{kind} hook path {hook['path']!r} is not absolute"
            if hook.get("timeout") is not None and hook["timeout"] <= 0:
                yield f"{kind} hook timeout {hook['timeout']} is not above 0"


def check_seccomp(spec: Spec) -> Iterator[str]:
    """A default action; rules with names and actions."""
    seccomp = _linux(spec).get("seccomp")
    if seccomp is None:
        return
    if not seccomp.get("defaultAction"):
        yield "seccomp has no defaultAction"
    for rule in seccomp.get("syscalls") or ():
        if not rule.get("names") or not rule.get("action"):
            yield "a seccomp rule has no names or no action"


CHECKS = (
    check_version,
    check_root,
    check_process,
    check_rlimits,
    check_namespaces,
    check_names,
    check_mount_namespace,
    check_mounts,
    check_propagation,
    check_id_mappings,
    check_time_offsets,
    check_sysctls,
    check_devices,
    check_resources,
    check_hooks,
    check_seccomp,
)
