"""list: the containers under --root."""

from __future__ import annotations

import os
import pwd
import sys

from wherry import jsontext
from wherry.runtime.oci.container import STATE, STOPPED, Container, load
from wherry.runtime.oci.flags import SWITCH, TEXT
from wherry.runtime.oci.refusal import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.oci.main import Context

ROWS = (
    ("format,f", TEXT, "select one of: table or json (default: table)"),
    ("quiet,q", SWITCH, "display only container IDs"),
)
ARGUMENTS = ""
COLUMNS = ("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER")


def run(context: Context, options: dict[str, Any], words: list[str]) -> int:
    """A table, JSON or ids only."""
    containers = list(_containers(context.root))
    form = options["format"] or "table"
    if options["quiet"]:
        sys.stdout.write("".join(f"{container.id}\n" for container in containers))
    elif form == "json":
        sys.stdout.write(jsontext.encode_ascii([_row(container) for container in containers]))
    elif form == "table":
        sys.stdout.write(_table([_row(container) for container in containers]))
    else:
        raise Refusal("invalid format option")
    return 0


def _containers(root: str) -> list[Container]:
    try:
        names = sorted(os.listdir(root))
    except FileNotFoundError:
        return []
    return [load(root, name) for name in names if os.path.exists(f"{root}/{name}/{STATE}")]


def _row(container: Container) -> dict[str, Any]:
    status = container.status()
    return {
        "ociVersion": container.spec["ociVersion"],
        "id": container.id,
        "pid": 0 if status == STOPPED else container.pid,
        "status": status,
        "bundle": container.bundle,
        "rootfs": container.rootfs,
        "created": container.created,
        "owner": _user(container.owner),
    }


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def _table(rows: list[dict[str, Any]]) -> str:
    cells = [COLUMNS, *(tuple(str(row[name.lower()]) for name in COLUMNS) for row in rows)]
    widths = [max(11, *(len(row[i]) for row in cells)) for i in range(len(COLUMNS))]
    lines = []
    for row in cells:
        lines.append(" ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)))
    return "".join(f"{line.rstrip()}\n" for line in lines)
