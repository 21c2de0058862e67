"""`cp` out of a container: unpack here, or hand the tar to stdout as it is.

Nothing of the archive leads out of the directory it is unpacked in, whatever links it brings.
"""

from __future__ import annotations

import os
import stat

from wherry.cli.copying.paths import STANDARD, Source, Target, absolute, arrange, followed
from wherry.cli.copying.remote import Remote
from wherry.cli.failures import Failure
from wherry.cli.output import STDOUT, write
from wherry.cli.transfers import Meter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def receive(remote: Remote, path: str, to: str, *, follow: bool, chown: bool, quiet: bool) -> int:
    """Copy the container's `path` to `to`; the bytes that came. Raises `Failure`."""
    target = Target(to) if to == STANDARD else find_target(absolute(to))
    source = Source(path, is_directory=False)
    if follow:
        source = _behind_link(remote, path)
    facts, pieces = remote.get(source.path)
    counted = _Counted(pieces, Meter("Copying", quiet=quiet))
    if to == STANDARD:
        while piece := counted.read(1):
            write(STDOUT, piece)
        return counted.moved
    source.is_directory = facts.is_directory
    directory, _, new = arrange(source, target)
    # Entries are called by the path's own name, whatever link led to it.
    rename = os.fsencode(_entry_name(source.path)), os.fsencode(source.renamed or new)
    if target.is_directory and not source.renamed:
        rename = b"", b""
    elif not target.is_directory:
        rename = rename[0], os.fsencode(new)
    _unpack(counted, directory, rename, chown=chown)
    return counted.moved


def _entry_name(path: str) -> str:
    """What the daemon calls the top entry; "" for the root, whose entries begin with "/"."""
    if os.path.basename(path) == "." and os.path.normpath(path) != "/":
        return "."
    return os.path.basename(os.path.normpath("/" + path))


def _behind_link(remote: Remote, path: str) -> Source:
    facts = remote.stat(path)
    if facts is None or not facts.is_link:
        return Source(path, is_directory=False)
    target = facts.link_target
    if not target.startswith("/"):
        target = os.path.join(os.path.dirname(path), target)
    return followed(path, target)


def find_target(path: str) -> Target:
    """What is at the absolute path here; a link is followed. Raises `Failure`."""
    try:
        state = os.stat(path)
    except OSError:
        parent = os.path.dirname(path.rstrip("/"))
        if not os.path.isdir(parent):
            text = f'invalid output path: directory "{parent}" does not exist'
            raise Failure(text) from None
        return Target(os.path.realpath(path) + ("/" if path.endswith("/") else ""))
    if not (stat.S_ISDIR(state.st_mode) or stat.S_ISREG(state.st_mode)):
        raise Failure(f'invalid output path: "{path}" must be a directory or a regular file')
    return Target(os.path.realpath(path), exists=True, is_directory=stat.S_ISDIR(state.st_mode))


def _unpack(counted: _Counted, directory: str, rename: tuple[bytes, bytes], *, chown: bool) -> None:
    from wherry.image.compression import CompressionError
    from wherry.image.tarheader import TarError
    from wherry.image.tarsource import TarSource
    from wherry.image.treeunpack import Policy, Refusal, TreeUnpacker
    from wherry.kernel.path import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS

    rules = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
    policy = Policy(rules, chown=chown, no_overwrite=True, rename=rename)
    try:
        root = os.open(directory, _DIRECTORY)
        TreeUnpacker(TarSource(counted.read, hashed=False), root, policy).run()
    except (TarError, CompressionError, Refusal) as error:
        raise Failure(str(error)) from None
    except OSError as error:
        place = error.filename or directory
        raise Failure(f"{place}: {error.strerror}") from None


class _Counted:
    """Pieces as they come, as something to read from."""

    __slots__ = ("_meter", "_pieces", "moved")

    def __init__(self, pieces: Iterator[bytes], meter: Meter) -> None:
        self._pieces = pieces
        self._meter = meter
        self.moved = 0

    def read(self, size: int) -> bytes:
        """The next piece, whatever its size; none at the end."""
        piece = next(self._pieces, b"")
        self.moved += len(piece)
        self._meter.add(len(piece))
        if not piece:
            self._meter.close()
        return bytes(piece)
