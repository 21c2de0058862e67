"""OCI runtime configuration (config.json): the pieces that Docker's containers are made of.

Facts only; who composes a container's specification picks from them. Every function returns a
fresh copy, to be changed at will. Checks are in `wherry.spec.runtime_checks`.
Sources: runtime-spec config.md and config-linux.md; moby oci/defaults.go for Docker's choice.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OCI_VERSION = "1.2.0"
"""The version of the runtime specification that we implement."""
DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
)
"""What root in a Docker container may do when nothing else is asked for."""

MASKED_PATHS = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
"""Paths that show the host or leak its secrets; each is covered with something empty."""

READONLY_PATHS = (
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
)
"""Paths through which a container could change the host."""

NAMESPACES = ("mount", "uts", "ipc", "pid", "network")
"""New in every container; "cgroup" as well where the cgroup namespace is private."""

SHM_SIZE = 64 << 20
"""Bytes of /dev/shm when nothing else is asked for."""


def _mount(destination: str, kind: str, source: str, *options: str) -> dict[str, Any]:
    return {
        "destination": destination,
        "type": kind,
        "source": source,
        "options": list(options),
    }


def mounts(shm_size: int = SHM_SIZE) -> list[dict[str, Any]]:
    """The mounts of every container, in order; /sys and the cgroups read-only."""
    harmless = ("nosuid", "noexec", "nodev")
    return [
        _mount("/proc", "proc", "proc", *harmless),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount(
            "/dev/pts",
            "devpts",
            "devpts",
            "nosuid",
            "noexec",
            "newinstance",
            "ptmxmode=0666",
            "mode=0620",
            "gid=5",
        ),
        _mount("/dev/mqueue", "mqueue", "mqueue", *harmless),
        _mount("/dev/shm", "tmpfs", "shm", *harmless, "mode=1777", f"size={shm_size}"),
        _mount("/sys", "sysfs", "sysfs", *harmless, "ro"),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro", *harmless),
    ]


def capabilities(names: tuple[str, ...] = CAPABILITIES, *, root: bool = True) -> dict[str, Any]:
    """The capability sets of a process as Docker gives them.

    Root has `names` in the bounding, permitted and effective sets; another user only in the
    bounding one. Never inheritable or ambient (CVE-2022-24769).
    """
    sets = {"bounding": list(names)}
    if root:
        sets |= {"permitted": list(names), "effective": list(names)}
    return sets


def device_rules(*, privileged: bool = False) -> list[dict[str, Any]]:
    """Docker's device cgroup rules: nothing but the standard nodes, or everything."""
    if privileged:
        return [{"allow": True, "access": "rwm"}]
    nodes = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1)]
    return [
        {"allow": False, "access": "rwm"},
        *(_node(major, minor) for major, minor in nodes),
        {"allow": False, "type": "c", "major": 10, "minor": 229, "access": "rwm"},
    ]


def _node(major: int, minor: int) -> dict[str, Any]:
    return {"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}


def template(*, rootless_ids: tuple[int, int] | None = None) -> dict[str, Any]:
    """A complete config.json to start from, the one that `spec` writes: a shell on a terminal.

    `rootless_ids` (uid, gid): for an unprivileged user: a user namespace in which that user is
    root, and no cgroup limits.
    """
    few = ("CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE")
    spec: dict[str, Any] = {
        "ociVersion": OCI_VERSION,
        "process": {
            "terminal": True,
            "user": {"uid": 0, "gid": 0},
            "args": ["sh"],
            "env": [DEFAULT_PATH, "TERM=xterm"],
            "cwd": "/",
            "capabilities": capabilities(few),
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": True,
        },
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "wherry",
        "mounts": mounts(),
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": name} for name in (*NAMESPACES, "cgroup")],
            "maskedPaths": list(MASKED_PATHS),
            "readonlyPaths": list(READONLY_PATHS),
        },
    }
    if rootless_ids:
        _make_rootless(spec, *rootless_ids)
    return spec


def _make_rootless(spec: dict[str, Any], uid: int, gid: int) -> None:
    """Adapt the template to what a user namespace without a network of its own allows."""
    linux = spec["linux"]
    linux["namespaces"] = [row for row in linux["namespaces"] if row["type"] != "network"]
    linux["namespaces"].append({"type": "user"})
    linux["uidMappings"] = [{"containerID": 0, "hostID": uid, "size": 1}]
    linux["gidMappings"] = [{"containerID": 0, "hostID": gid, "size": 1}]
    del linux["resources"]
    # A new sysfs needs a network namespace of our own, and gid 5 (tty) is not mapped.
    replaced = {"/sys": _mount("/sys", "none", "/sys", "rbind", "nosuid", "noexec", "nodev", "ro")}
    spec["mounts"] = [
        replaced.get(mount["destination"], mount)
        for mount in spec["mounts"]
        if mount["destination"] != "/sys/fs/cgroup"
    ]
    for mount in spec["mounts"]:
        mount["options"] = [option for option in mount["options"] if option != "gid=5"]
