"""The types of config.json's fields, as data, and a walk that compares a value with them.

A shape is a type name ("string", "integer", "boolean"), a list with one shape (an array
of it), or a dictionary: field -> shape, with "*" for any other field; a field ending in "!" must be
there. Fields that we do not know are no error: the specification asks runtimes to pass over them
(config.md, "Extensibility"). null stands for absence, as in the Go programs that write these files.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Shape = str | list["Shape"] | dict[str, "Shape"]

STRINGS: Shape = ["string"]
IDS: Shape = [{"containerID!": "integer", "hostID!": "integer", "size!": "integer"}]
CAPABILITIES: Shape = dict.fromkeys(
    ("bounding", "effective", "inheritable", "permitted", "ambient"), STRINGS
)
PROCESS: Shape = {
    "terminal": "boolean",
    "consoleSize": {"height!": "integer", "width!": "integer"},
    "user": {
        "uid": "integer",
        "gid": "integer",
        "umask": "integer",
        "additionalGids": ["integer"],
    },
    "args": STRINGS,
    "env": STRINGS,
    "cwd": "string",
    "capabilities": CAPABILITIES,
    "rlimits": [{"type!": "string", "soft!": "integer", "hard!": "integer"}],
    "noNewPrivileges": "boolean",
    "apparmorProfile": "string",
    "selinuxLabel": "string",
    "oomScoreAdj": "integer",
    "ioPriority": {"class!": "string", "priority": "integer"},
    "scheduler": {"policy!": "string", "nice": "integer", "priority": "integer"},
}
HOOK: Shape = [{"path!": "string", "args": STRINGS, "env": STRINGS, "timeout": "integer"}]
RATES: Shape = [{"major!": "integer", "minor!": "integer", "rate!": "integer"}]
WEIGHTS: Shape = [{"major!": "integer", "minor!": "integer", "weight": "integer"}]
MEMORY: Shape = {
    **dict.fromkeys(("limit", "reservation", "swap", "kernel", "kernelTCP"), "integer"),
    "swappiness": "integer",
    "disableOOMKiller": "boolean",
}
CPU: Shape = {
    **dict.fromkeys(("shares", "quota", "period", "burst", "idle"), "integer"),
    **dict.fromkeys(("realtimePeriod", "realtimeRuntime"), "integer"),
    **dict.fromkeys(("cpus", "mems"), "string"),
}
RESOURCES: Shape = {
    "devices": [
        {
            "allow!": "boolean",
            "type": "string",
            "major": "integer",
            "minor": "integer",
            "access": "string",
        }
    ],
    "memory": MEMORY,
    "cpu": CPU,
    "pids": {"limit": "integer"},
    "blockIO": {
        "weight": "integer",
        "leafWeight": "integer",
        "weightDevice": WEIGHTS,
        "throttleReadBpsDevice": RATES,
        "throttleWriteBpsDevice": RATES,
        "throttleReadIOPSDevice": RATES,
        "throttleWriteIOPSDevice": RATES,
    },
    "hugepageLimits": [{"pageSize!": "string", "limit!": "integer"}],
    "network": {
        "classID": "integer",
        "priorities": [{"name!": "string", "priority!": "integer"}],
    },
    "rdma": {"*": {"hcaHandles": "integer", "hcaObjects": "integer"}},
    "unified": {"*": "string"},
}
SECCOMP: Shape = {
    "defaultAction": "string",
    "defaultErrnoRet": "integer",
    "architectures": STRINGS,
    "flags": STRINGS,
    "listenerPath": "string",
    "listenerMetadata": "string",
    "syscalls": [
        {
            "names": STRINGS,
            "action": "string",
            "errnoRet": "integer",
            "args": [
                {
                    "index!": "integer",
                    "value!": "integer",
                    "valueTwo": "integer",
                    "op!": "string",
                }
            ],
        }
    ],
}
SPEC: Shape = {
    "ociVersion": "string",
    "process": PROCESS,
    "root": {"path": "string", "readonly": "boolean"},
    "hostname": "string",
    "domainname": "string",
    "mounts": [
        {
            "destination": "string",
            "type": "string",
            "source": "string",
            "options": STRINGS,
            "uidMappings": IDS,
            "gidMappings": IDS,
        }
    ],
    "hooks": dict.fromkeys(
        (
            "prestart",
            "createRuntime",
            "createContainer",
            "startContainer",
            "poststart",
            "poststop",
        ),
        HOOK,
    ),
    "annotations": {"*": "string"},
    "linux": {
        "namespaces": [{"type!": "string", "path": "string"}],
        "uidMappings": IDS,
        "gidMappings": IDS,
        "timeOffsets": {"*": {"secs": "integer", "nanosecs": "integer"}},
        "devices": [
            {
                "path!": "string",
                "type!": "string",
                "major": "integer",
                "minor": "integer",
                "fileMode": "integer",
                "uid": "integer",
                "gid": "integer",
            }
        ],
        "cgroupsPath": "string",
        "resources": RESOURCES,
        "rootfsPropagation": "string",
        "seccomp": SECCOMP,
        "sysctl": {"*": "string"},
        "maskedPaths": STRINGS,
        "readonlyPaths": STRINGS,
        "mountLabel": "string",
        "personality": {"domain": "string", "flags": STRINGS},
    },
}

_PYTHON: dict[str, type] = {"string": str, "integer": int, "boolean": bool}


def mismatches(value: Any, shape: Shape, where: str) -> Iterator[str]:
    """One sentence per place of `value` not of the shape's type, or that no C text holds."""
    if value is None:
        return
    if isinstance(shape, str):
        if not isinstance(value, _PYTHON[shape]) or (
            shape == "integer" and isinstance(value, bool)
        ):
            yield f"{where} must be of type {shape}, not {_json_type(value)}"
        elif isinstance(value, str) and "\0" in value:
            yield f"{where} contains a NUL byte"
    elif isinstance(shape, list):
        yield from _array(value, shape[0], where)
    else:
        yield from _object(value, shape, where)


def _array(value: Any, shape: Shape, where: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{where} must be of type array, not {_json_type(value)}"
        return
    for position, item in enumerate(value):
        yield from _member(item, shape, f"{where}[{position}]")


def _member(value: Any, shape: Shape, where: str) -> Iterator[str]:
    """Absence has no place in an array or a map."""
    if value is None:
        yield f"{where} must not be null"
    else:
        yield from mismatches(value, shape, where)


def _object(value: Any, shape: dict[str, Shape], where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where or 'config.json'} must be of type object, not {_json_type(value)}"
        return
    prefix = f"{where}." if where else ""
    for field, inner in shape.items():
        name = field.removesuffix("!")
        if field == "*":
            for key, item in value.items():
                yield from _member(item, inner, prefix + key)
        elif name != field and value.get(name) is None:
            yield f"{prefix}{name} is missing"
        else:
            yield from mismatches(value.get(name), inner, prefix + name)


def _json_type(value: Any) -> str:
    names = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array"}
    return names.get(type(value), "object")
