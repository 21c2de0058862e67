"""The edits of devices, applied to a container's OCI spec."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from wherry.errors import Invalid, Unsupported

if TYPE_CHECKING:
    from wherry.engine.containers.cdi.values import Device, Edits, Node

Spec = dict[str, Any]


def inject(spec: Spec, devices: Iterable[Device], *, hooks: bool) -> list[str]:
    """Change the spec as the devices say; the further groups of the process, as texts.

    `hooks`: the runtime runs OCI hooks. Raises Invalid for a node that the host does not have,
    Unsupported for a device that cannot do without hooks.
    """
    groups: dict[str, None] = {}
    for device in devices:
        for edits in device.edits:
            if edits.hooks and not hooks:
                raise Unsupported(
                    f"CDI device {device.name} needs hooks, which the built-in runtime does not "
                    "run for the engine's containers",
                    hint="run the container with --runtime runc or crun",
                )
            _apply(spec, edits, device.name)
            groups |= dict.fromkeys(map(str, edits.gids))
    return list(groups)


def _apply(spec: Spec, edits: Edits, name: str) -> None:
    process, linux = spec["process"], spec["linux"]
    for variable in edits.env:
        key = variable.partition("=")[0]
        kept = [each for each in process["env"] if each.partition("=")[0] != key]
        process["env"] = [*kept, variable]
    for node in edits.nodes:
        made = _made(node, name)
        others = [each for each in linux["devices"] if each["path"] != node.path]
        linux["devices"] = [*others, made]
        numbers = {key: made[key] for key in ("type", "major", "minor")}
        rule = {"allow": True, **numbers, "access": node.permissions}
        linux["resources"]["devices"] = [*linux["resources"]["devices"], rule]
    taken = {mount["destination"] for mount in edits.mounts}
    kept = [mount for mount in spec["mounts"] if mount["destination"] not in taken]
    spec["mounts"] = [*kept, *edits.mounts]
    for moment, hook in edits.hooks:
        spec.setdefault("hooks", {}).setdefault(moment, []).append(dict(hook))


def _made(node: Node, name: str) -> dict[str, Any]:
    """OCI's row, completed by what the host's node is."""
    kind, major, minor, mode = node.type, node.major, node.minor, node.file_mode
    uid, gid = node.uid, node.gid
    if kind is None or major is None or minor is None:
        try:
            facts = os.stat(node.host_path)
        except OSError as error:
            raise Invalid(
                f"CDI device {name}: {node.host_path}: {(error.strerror or '').lower()}"
            ) from None
        if not stat.S_ISCHR(facts.st_mode) and not stat.S_ISBLK(facts.st_mode):
            raise Invalid(f"CDI device {name}: {node.host_path} is no device node")
        kind = "c" if stat.S_ISCHR(facts.st_mode) else "b"
        major, minor = os.major(facts.st_rdev), os.minor(facts.st_rdev)
        mode = stat.S_IMODE(facts.st_mode) if mode is None else mode
    return {
        "path": node.path, "type": kind, "major": major, "minor": minor,
        "fileMode": 0o666 if mode is None else mode, "uid": uid or 0, "gid": gid or 0,
    }  # fmt: skip
