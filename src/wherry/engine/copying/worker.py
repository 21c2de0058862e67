"""The copy worker: a process of its own that enters a container, moves one archive, and ends.

Started by `engine.copying.process` with an isolated interpreter as
    python -IS -c BOOT <sys.path entries joined by ":"> <marshalled job as hex>
An archive to unpack comes on descriptor 0. Descriptor 1 gets a head, its length as four bytes
before it: a marshalled dict, {"error": kind, "text": ...} where it went wrong; the archive that was
asked for follows. Whatever is wrong with the path is known before a byte of an archive moves. Slim.
"""

from __future__ import annotations

import errno
import marshal
import os
import sys

from wherry.engine.copying import places
from wherry.engine.copying.places import Place
from wherry.engine.copying.view import enter
from wherry.image import tarwriter
from wherry.image.compression import CompressionError
from wherry.image.tarheader import TarError
from wherry.image.tarsource import TarSource
from wherry.image.treeunpack import Policy, Refusal, TreeUnpacker
from wherry.kernel.path import RESOLVE_NO_MAGICLINKS, open_in
from wherry.kernel.process import set_pdeathsig

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_KILL = 9
_BROKEN = 1
_ROOT = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ_ONLY = 1  # ST_RDONLY


class _Problem(Exception):
    """What the client is told, by kind."""

    def __init__(self, kind: str, text: str = "") -> None:
        super().__init__(kind)
        self.kind = kind
        self.text = text


def main() -> None:
    """Do the job named on the command line, exit."""
    set_pdeathsig(_KILL)
    job = marshal.loads(bytes.fromhex(sys.argv[2]))
    try:
        os._exit(_WORK[job["do"]](job))
    except (_Problem, TarError, CompressionError, Refusal, LookupError, OSError) as error:
        kind, text = _explained(error)
        _head({"error": kind, "text": text})
    os._exit(0)


def _explained(error: Exception) -> tuple[str, str]:
    if isinstance(error, _Problem):
        return error.kind, error.text
    if not isinstance(error, OSError):
        kind = "refused" if isinstance(error, Refusal) else "invalid"
        return kind, str(error)
    place = f"{error.filename}: " if error.filename else ""
    kinds = {
        errno.ENOENT: "missing",
        errno.ENOTDIR: "not a directory",
        errno.EROFS: "read-only",
        errno.ENOSPC: "full",
        errno.EDQUOT: "full",
        errno.ELOOP: "invalid",
        errno.ENAMETOOLONG: "invalid",
    }
    return kinds.get(error.errno or 0, "system"), f"{place}{error.strerror}"


def _stat(job: dict[str, Any]) -> int:
    enter(job["view"])
    _head(places.facts(_root(), Place(job["path"])))
    return 0


def _read(job: dict[str, Any]) -> int:
    """A directory, or a single file out of the directory that it is in."""
    enter(job["view"])
    root, place = _root(), Place(job["path"])
    facts = places.facts(root, place)
    source = places.open_place(root, place)
    name = os.fsencode(place.last)
    if facts["mode"] & 0o170000 == 0o040000:
        top = os.open(".", _ROOT, dir_fd=source)
        archive = tarwriter.part(top, "", b"" if place.last == "/" else name)
    else:
        parent, base = os.path.split(place.clean)
        archive = tarwriter.part(open_in(root, parent, os.O_PATH | os.O_DIRECTORY), base, name)
    first = next(archive)
    _head(facts)
    return _send(first, archive)


def _send(first: bytes, archive: Iterator[bytes]) -> int:
    """What fails from here on can only be told by ending badly."""
    try:
        _write(first)
        for portion in archive:
            _write(portion)
    except OSError as error:
        sys.stderr.write(f"copying out of a container: {error}\n")
        return _BROKEN
    return 0


def _unpack(job: dict[str, Any]) -> int:
    source = TarSource(0, hashed=False)
    enter(job["view"])
    root = _root()
    target = _target(root, Place(job["path"]))
    owner = places.owner(root, job["user"]) if job["user"] else None
    policy = Policy(RESOLVE_NO_MAGICLINKS, owner=owner, no_overwrite=job["no_overwrite"])
    TreeUnpacker(source, target, policy).run()
    _head({})
    return 0


def _target(root: int, place: Place) -> int:
    """The directory to unpack into; a link to one is followed."""
    target = open_in(root, place.clean, os.O_PATH)
    try:
        directory = os.open(".", _ROOT, dir_fd=target)
    except NotADirectoryError:
        raise _Problem("not a directory", "extraction point is not a directory") from None
    if os.fstatvfs(directory).f_flag & _READ_ONLY:
        raise _Problem("read-only")
    return directory


def _root() -> int:
    return os.open("/", _ROOT)


def _head(value: dict[str, Any]) -> None:
    data = marshal.dumps(value, 2)
    _write(len(data).to_bytes(4, "little") + data)


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


_WORK = {"stat": _stat, "read": _read, "unpack": _unpack}
