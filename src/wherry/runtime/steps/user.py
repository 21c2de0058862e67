"""Who the process is: looked up in the container's own /etc/passwd and /etc/group.

The rules are Docker's: `name[:group]`, either may be a number; a number need not be in the files; a
group given by the user replaces the primary group and all supplementary ones; the primary group is
always among the supplementary ones (CVE-2022-36109).
"""

from __future__ import annotations

import os
import stat

from wherry.kernel.fd import AT_FDCWD
from wherry.kernel.path import RESOLVE_NO_MAGICLINKS, openat2
from wherry.runtime.failure import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.runtime.start import Child

    Row = list[str]

_HIGHEST_ID = 2**31 - 1
_LARGEST_FILE = 16 * 1024 * 1024
_NO_USER = "unable to find user {}: no matching entries in passwd file"
_NO_GROUP = "unable to find group {}: no matching entries in group file"


def look_up(child: Child, user: str, groups: list[str]) -> None:
    """Find the ids of `user` (`name[:group]`) and of the further `groups`."""
    child.ids, child.home = resolve(user, groups, rows("/etc/passwd", 7), rows("/etc/group", 4))
    _set_home(child)


def take_numbers(child: Child, uid: int, gid: int, groups: list[int]) -> None:
    """Use ids that the caller knows; the passwd file still tells the home directory."""
    child.ids = (uid, gid, groups)
    if "HOME" not in child.env:
        row = _find(rows("/etc/passwd", 7), lambda row: row[2] == str(uid))
        child.home = row[5] if row else "/"
    _set_home(child)


def _set_home(child: Child) -> None:
    if not child.env.get("HOME"):
        child.env["HOME"] = child.home or "/"


def rows(path: str, fields: int) -> list[Row]:
    """The rows of a passwd-like file, each filled up to `fields`; none where there is no file.

    Comments, empty lines and rows without a number where one belongs are passed over.
    """
    try:
        content = _read(path)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return parse_rows(content, fields)


def parse_rows(content: str, fields: int) -> list[Row]:
    """The same from a file's text."""
    found = []
    for line in content.split("\n"):
        row = line.strip().split(":")
        row += [""] * (fields - len(row))
        if row[0] and not row[0].startswith("#") and row[2].isdigit():
            found.append(row)
    return found


def resolve(
    user: str, groups: Sequence[str], passwd: list[Row], group: list[Row]
) -> tuple[tuple[int, int, list[int]], str]:
    """((uid, gid, supplementary groups), home) by the rules above. Raises Failure."""
    name, _, wanted = user.partition(":")
    row = _find(passwd, lambda row: name in (row[0], row[2])) if name else None
    row = row or (_find(passwd, lambda row: row[2] == "0") if not name else None)
    uid = int(row[2]) if row else _number(name or "0", _NO_USER)
    gid = int(row[3] or 0) if row else 0
    further: list[int] = []
    if wanted:
        gid = _group_number(wanted, group)
    elif row:
        further = [int(entry[2]) for entry in group if row[0] in entry[3].split(",")]
    further = [gid, *further, *(_group_number(name, group) for name in groups)]
    return (uid, gid, list(dict.fromkeys(further))), row[5] if row else "/"


def _group_number(name: str, group: list[Row]) -> int:
    row = _find(group, lambda row: row[0] == name) or _find(group, lambda row: row[2] == name)
    return int(row[2]) if row else _number(name, _NO_GROUP)


def _number(text: str, message: str) -> int:
    if not text.isascii() or not text.lstrip("-").isdigit():
        raise Failure(0, message.format(text))
    if not 0 <= int(text) <= _HIGHEST_ID:
        raise Failure(22, f"uids and gids must be in range 0-{_HIGHEST_ID}")
    return int(text)


def _find(found: list[Row], fits: Callable[[Row], bool]) -> Row | None:
    for row in found:
        if fits(row):
            return row
    return None


def _read(path: str) -> str:
    """The text of a regular file of the image; anything else counts as an empty one."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
    fd = openat2(AT_FDCWD, path, flags, resolve=RESOLVE_NO_MAGICLINKS)
    try:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode):
            return ""
        content = os.read(fd, min(facts.st_size, _LARGEST_FILE))
        return content.decode(errors="surrogateescape")
    finally:
        os.close(fd)
