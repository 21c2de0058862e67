"""Devices of a container: the nodes in its /dev, and what its cgroup may use.

Docker's rules: everything is denied but what every container needs; `--device` adds a node and a
rule (a directory: every device below it); a privileged container gets all devices of the host.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from typing import Any, Final

from wherry.engine.containers.config import DeviceMapping, HostConfig
from wherry.errors import Invalid
from wherry.kernel.cgroup.device_rules import DENY_ALL, STANDARD_RULES

ALLOW_ALL: Final = {"allow": True, "access": "rwm"}
CONSOLE_RULE: Final = {"allow": True, "type": "c", "major": 5, "minor": 1, "access": "rwm"}
_RULE = re.compile(r"([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})")
# What a container has of its own in /dev, whatever the host has there.
_OWN: Final = {"pts", "shm", "fd", "mqueue", "console", "core", "stdin", "stdout", "stderr", "ptmx"}


def nodes_and_rules(host: HostConfig) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """OCI's `linux.devices` and `linux.resources.devices`. Raises Invalid."""
    if host.privileged:
        nodes = [*_below("/dev", "/dev"), *_mapped(host)]
        return list({node["path"]: node for node in nodes}.values()), [dict(ALLOW_ALL)]
    rules = [dict(DENY_ALL), *map(dict, STANDARD_RULES), dict(CONSOLE_RULE)]
    nodes = []
    for mapping in host.devices or ():
        found = _of_mapping(mapping)
        nodes += found
        rules += [_rule_of(node, mapping.cgroup_permissions or "rwm") for node in found]
    rules += [parse_rule(text) for text in host.device_cgroup_rules or ()]
    return nodes, rules


def parse_rule(text: str) -> dict[str, Any]:
    """A `--device-cgroup-rule` ("c 1:3 rw"). Raises Invalid."""
    match = _RULE.fullmatch(text)
    if match is None:
        raise Invalid(f"invalid device cgroup rule format: '{text}'", hint='write "c 1:3 rwm"')
    kind, major, minor, access = match.groups()
    return {"allow": True, "type": kind, "major": _number(major), "minor": _number(minor),
            "access": access}  # fmt: skip


def _number(text: str) -> int:
    return -1 if text == "*" else int(text)


def _mapped(host: HostConfig) -> Iterator[dict[str, Any]]:
    for mapping in host.devices or ():
        yield from _of_mapping(mapping)


def _of_mapping(mapping: DeviceMapping) -> list[dict[str, Any]]:
    source = os.path.realpath(mapping.path_on_host)
    target = mapping.path_in_container or mapping.path_on_host
    try:
        status = os.stat(source)
    except OSError as error:
        raise Invalid(
            f"error gathering device information while adding custom device "
            f'"{mapping.path_on_host}": {os.strerror(error.errno or 0).lower()}'
        ) from None
    if stat.S_ISDIR(status.st_mode):
        return list(_below(source, target))
    node = _node(status, target)
    if node is None:
        raise Invalid(
            f"error gathering device information while adding custom device "
            f'"{mapping.path_on_host}": not a device node'
        )
    return [node]


def _below(source: str, target: str) -> Iterator[dict[str, Any]]:
    """Every device node below a directory; links and what vanishes meanwhile are passed over."""
    with os.scandir(source) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            if source == "/dev" and entry.name in _OWN:
                continue
            path = f"{target}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _below(entry.path, path)
                continue
            try:
                node = _node(entry.stat(follow_symlinks=False), path)
            except OSError:
                continue
            if node is not None:
                yield node


def _node(status: os.stat_result, path: str) -> dict[str, Any] | None:
    mode = status.st_mode
    if not stat.S_ISCHR(mode) and not stat.S_ISBLK(mode):
        return None
    return {
        "path": path,
        "type": "c" if stat.S_ISCHR(mode) else "b",
        "major": os.major(status.st_rdev),
        "minor": os.minor(status.st_rdev),
        "fileMode": stat.S_IMODE(mode),
        "uid": status.st_uid,
        "gid": status.st_gid,
    }


def _rule_of(node: dict[str, Any], access: str) -> dict[str, Any]:
    numbers = {key: node[key] for key in ("type", "major", "minor")}
    return {"allow": True, **numbers, "access": access}
