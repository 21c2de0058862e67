"""state: what a container is and does, as JSON."""

from __future__ import annotations

import sys

from wherry import jsontext
from wherry.runtime.oci.container import load, the_only

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.oci.flags import Row
    from wherry.runtime.oci.main import Context

ROWS: tuple[Row, ...] = ()
ARGUMENTS = "<container-id>"


def run(context: Context, options: dict[str, Any], words: list[str]) -> int:
    """The state of the specification, with runc's additions (rootfs, created, owner)."""
    container = load(context.root, the_only(words, "state"))
    more = {"rootfs": container.rootfs, "created": container.created, "owner": ""}
    sys.stdout.write(jsontext.encode_pretty({**container.state(), **more}, "  ") + "\n")
    return 0
