"""spec: write a config.json to start from."""

from __future__ import annotations

import os

from wherry import jsontext
from wherry.runtime.oci.bundle import CONFIG
from wherry.runtime.oci.flags import SWITCH, TEXT
from wherry.runtime.oci.refusal import Refusal
from wherry.spec import runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.oci.main import Context

ROWS = (
    ("bundle,b", TEXT, "path to the root of the bundle directory"),
    ("rootless", SWITCH, "generate a configuration for a rootless container"),
)
ARGUMENTS = ""


def run(context: Context, options: dict[str, Any], words: list[str]) -> int:
    """Never overwrite one that is there."""
    path = os.path.join(options["bundle"], CONFIG)
    ids = (os.geteuid(), os.getegid()) if options["rootless"] else None
    text = jsontext.encode_pretty(runtime.template(rootless_ids=ids), "\t")
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        raise Refusal(f"File {CONFIG} exists. Remove it first") from None
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
    return 0
