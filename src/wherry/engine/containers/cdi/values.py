"""What a CDI file says, as frozen values, read and checked.

Source: Container Device Interface, SPEC.md (cncf-tags/container-device-interface), versions 0.3.0
to 1.0.0. Keys that are not here are refused: a device without one of its edits would be half there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

VERSIONS: Final = ("0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0")
_KIND: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]/[A-Za-z][A-Za-z0-9_-]*[A-Za-z0-9]")
_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.:-]*[A-Za-z0-9])?")
_NODE_KEYS: Final = {
    "path", "hostPath", "type", "major", "minor", "fileMode", "permissions", "uid", "gid",
}  # fmt: skip
_ENVIRONMENT: Final = re.compile(r"[^=\0]+=[^\0]*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Node:
    """A device node; what is None is taken from the host's node at `host_path`."""

    path: str
    host_path: str
    permissions: str = "rwm"
    type: str | None = None
    major: int | None = None
    minor: int | None = None
    file_mode: int | None = None
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True, slots=True)
class Edits:
    """What a device changes in a container. `hooks` are OCI's, by their moment, as they came."""

    env: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()
    mounts: tuple[Mapping[str, Any], ...] = ()
    hooks: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    gids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Device:
    """A device by its full name (`vendor.com/class=name`), with the edits of its whole file."""

    name: str
    edits: tuple[Edits, ...]


def devices(document: object) -> Iterator[Device]:
    """The devices of one file. Raises ValueError that says what is wrong."""
    top = _object(document, "the file", {"cdiVersion", "kind", "annotations", "devices",
                                         "containerEdits"})  # fmt: skip
    version, kind = _text(top, "cdiVersion"), _text(top, "kind")
    if version not in VERSIONS:
        raise ValueError(f"cdiVersion {version!r} is none of {', '.join(VERSIONS)}")
    if _KIND.fullmatch(kind) is None:
        raise ValueError(f"kind {kind!r} is no vendor.com/class")
    common = _edits(top.get("containerEdits") or {})
    for row in _list(top, "devices"):
        device = _object(row, "a device", {"name", "annotations", "containerEdits"})
        name = _text(device, "name")
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"{name!r} is no name of a device")
        own = _edits(device.get("containerEdits") or {})
        yield Device(f"{kind}={name}", (common, own))


def is_name(text: str) -> bool:
    """Whether a text is a device's full name."""
    kind, _, name = text.partition("=")
    return _KIND.fullmatch(kind) is not None and _NAME.fullmatch(name) is not None


def _edits(document: object) -> Edits:
    given = _object(document, "containerEdits", {"env", "deviceNodes", "mounts", "hooks",
                                                 "additionalGids", "intelRdt"})  # fmt: skip
    if given.get("intelRdt"):
        raise ValueError("intelRdt is not supported")
    env = tuple(str(each) for each in _list(given, "env"))
    for each in env:
        if _ENVIRONMENT.fullmatch(each) is None:
            raise ValueError(f"env {each!r} is no NAME=VALUE")
    gids = _list(given, "additionalGids")
    if not all(isinstance(gid, int) and gid >= 0 for gid in gids):
        raise ValueError("additionalGids are numbers")
    return Edits(
        env,
        tuple(_node(each) for each in _list(given, "deviceNodes")),
        tuple(_mount(each) for each in _list(given, "mounts")),
        tuple(_hook(each) for each in _list(given, "hooks")),
        tuple(gid for gid in gids if gid),  # 0 is what everybody has who has none
    )


def _node(document: object) -> Node:
    given = _object(document, "a device node", _NODE_KEYS)
    path = _path(given, "path")
    permissions = given.get("permissions") or "rwm"
    if not isinstance(permissions, str) or set(permissions) - set("rwm"):
        raise ValueError(f"permissions {permissions!r} are none of r, w and m")
    kind = given.get("type")
    if kind not in (None, "", "b", "c", "u", "p"):
        raise ValueError(f"type {kind!r} of a device node is none of b, c, u and p")
    numbers = {key: _number(given, key) for key in ("major", "minor", "fileMode", "uid", "gid")}
    host_path = _path(given, "hostPath") if given.get("hostPath") else path
    return Node(
        path, host_path, permissions, kind or None, numbers["major"], numbers["minor"],
        numbers["fileMode"], numbers["uid"], numbers["gid"],
    )  # fmt: skip


def _mount(document: object) -> Mapping[str, Any]:
    """As OCI's. What is no other file system is a bind, which OCI wants to be told in words."""
    given = _object(document, "a mount", {"hostPath", "containerPath", "type", "options"})
    options = [str(each) for each in _list(given, "options")]
    kind = given.get("type") or "bind"
    if kind == "bind" and not {"bind", "rbind"} & set(options):
        options.insert(0, "rbind")
    return {
        "type": kind,
        "source": _path(given, "hostPath") if kind == "bind" else _text(given, "hostPath"),
        "destination": _path(given, "containerPath"),
        "options": options,
    }


def _hook(document: object) -> tuple[str, Mapping[str, Any]]:
    given = _object(document, "a hook", {"hookName", "path", "args", "env", "timeout"})
    row = {key: given[key] for key in ("args", "env", "timeout") if given.get(key)}
    return _text(given, "hookName"), {"path": _path(given, "path"), **row}


def _object(document: object, what: str, keys: set[str]) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise ValueError(f"{what} is no object")
    if unknown := sorted(str(key) for key in document.keys() - keys):
        raise ValueError(f"{what} has the unknown {', '.join(unknown)}")
    return document


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} is no text")
    return value


def _path(given: Mapping[str, Any], key: str) -> str:
    value = _text(given, key)
    if not value.startswith("/") or "\0" in value:
        raise ValueError(f"{key} {value!r} is no absolute path")
    return value


def _number(given: Mapping[str, Any], key: str) -> int | None:
    value = given.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise ValueError(f"{key} is no number")
    return value


def _list(given: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = given.get(key)
    if value is not None and not isinstance(value, list):
        raise ValueError(f"{key} is no list")
    return value or []
