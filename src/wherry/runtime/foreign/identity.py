"""Who a process is, looked up in the container's own files from outside of the container."""

from __future__ import annotations

import os
import stat

from wherry.kernel.path import open_in
from wherry.runtime.steps import user

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_LARGEST_FILE = 16 * 1024 * 1024


def fill_in(process: dict[str, Any], wanted: tuple[str, Sequence[str]] | None, root: int) -> None:
    """Write the user's numbers and HOME into an OCI process object.

    `root` is a descriptor of the container's root; `wanted` None keeps the numbers that are there.
    Raises Failure for a user or group that there is not.
    """
    passwd = user.parse_rows(_read(root, "etc/passwd"), 7)
    if wanted is None:
        uid = (process.get("user") or {}).get("uid") or 0
        home = next((row[5] for row in passwd if row[2] == str(uid)), "/")
    else:
        groups = user.parse_rows(_read(root, "etc/group"), 4)
        (uid, gid, more), home = user.resolve(wanted[0], wanted[1], passwd, groups)
        process["user"] = {"uid": uid, "gid": gid, "additionalGids": more}
    if not any(word.startswith("HOME=") for word in process.get("env") or ()):
        process["env"] = [*(process.get("env") or ()), f"HOME={home or '/'}"]


def _read(root: int, path: str) -> str:
    """The text of a regular file of the image; anything else counts as an empty one."""
    try:
        fd = open_in(root, path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    try:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode):
            return ""
        return os.read(fd, min(facts.st_size, _LARGEST_FILE)).decode(errors="surrogateescape")
    finally:
        os.close(fd)
