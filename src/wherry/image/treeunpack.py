"""Unpacking a tar into a directory that is in use: `cp`, `volume import`.

Unlike a layer, the directory holds things already, whiteout names are names like any other, and
somebody inside may swap what is there for symbolic links meanwhile. So every directory is opened
by openat2(2) under the rules that the caller gives, and everything is made in an open directory by
its last name alone, which is never followed (CVE-2018-15664). Slim.
"""

from __future__ import annotations

import contextlib
import os
import stat

from wherry.image import unpack
from wherry.image.tarheader import DIRECTORY, HARD_LINK, TarError
from wherry.image.unpack import Unpacker, clean
from wherry.kernel.path import openat2
from wherry.storage import tree
from wherry.storage.recipe import RecipeWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.image.tarheader import Header
    from wherry.image.tarsource import TarSource

_PARENT = os.O_PATH | os.O_DIRECTORY
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_IMPLIED_MODE = 0o755
_SET_ID = stat.S_ISUID | stat.S_ISGID


class Policy:
    """How to unpack.

    `resolve` are RESOLVE_* rules for every directory. `owner` replaces the archive's owners; with
    `chown` off, new files belong to whoever unpacks. With `no_overwrite` nothing but a directory
    replaces a directory, and the other way round. `rename` replaces the first occurrence of a text
    in every name, as clients of Docker's API do it.
    """

    __slots__ = ("chown", "no_overwrite", "owner", "rename", "resolve")

    def __init__(
        self,
        resolve: int,
        *,
        owner: tuple[int, int] | None = None,
        chown: bool = True,
        no_overwrite: bool = False,
        rename: tuple[bytes, bytes] | None = None,
    ) -> None:
        self.resolve = resolve
        self.owner = owner
        self.chown = chown
        self.no_overwrite = no_overwrite
        self.rename = rename


class _NoRecipe(RecipeWriter):
    """Nobody will want the archive again."""

    __slots__ = ()

    def __init__(self) -> None:
        self.references = 0

    def literal(self, data: bytes | memoryview) -> None:
        """Nothing."""

    def data(self, path: bytes, offset: int, length: int) -> None:
        """Nothing."""


class TreeUnpacker(Unpacker):
    """Unpacks into the open directory `root`, whose own attributes stay as they are."""

    def __init__(self, source: TarSource, root: int, policy: Policy) -> None:
        super().__init__(source, root, -1, _NoRecipe())
        self._policy = policy
        self._now = b"", False  # the entry at hand: its path, and whether it is a directory

    def _apply(self, header: Header) -> None:
        self._rename(header)
        path = clean(header.name)
        if not path:  # the directory itself
            self._skip_data(header)
            return
        apply = unpack.TYPES.get(header.type)
        if apply is None:
            raise TarError(f"entries of type {header.type!r} cannot be unpacked")
        self._now = path, header.type == DIRECTORY
        self._set_owner(header)
        apply(self, path, header)

    def _rename(self, header: Header) -> None:
        if self._policy.rename is not None:
            header.name = header.name.replace(*self._policy.rename, 1)
            if header.type == HARD_LINK:
                header.link = header.link.replace(*self._policy.rename, 1)

    def _set_owner(self, header: Header) -> None:
        if not self._policy.chown:
            header.uid, header.gid = os.geteuid(), os.getegid()
        elif self._policy.owner is not None:
            header.uid, header.gid = self._policy.owner

    def _finish_file(self, file: int, header: Header) -> None:
        """The owner always: in a directory with the set-group-id bit the group is another one."""
        if self._policy.chown:
            os.fchown(file, header.uid, header.gid)
        if header.mode & _SET_ID:
            os.fchmod(file, header.mode)
        if header.xattrs:
            unpack.set_xattrs(file, header)
        os.utime(file, ns=(header.mtime, header.mtime))

    def _finish_directory(self, directory: int, header: Header, *, opaque: bool = False) -> None:
        try:
            if self._policy.chown:
                os.fchown(directory, header.uid, header.gid)
            os.fchmod(directory, header.mode)
            if header.xattrs:
                unpack.set_xattrs(directory, header)
        finally:
            os.close(directory)

    def _open_parent(self, head: bytes) -> tuple[int, bytes]:
        try:
            parent = self._open(head)
        except FileNotFoundError:
            self._make_parents(head)
            parent = self._open(head)
        self._hold(head, parent, head)
        return parent, head

    def _open(self, path: bytes, flags: int = _PARENT) -> int:
        return openat2(self._root, os.fsdecode(path) or ".", flags, 0, self._policy.resolve)

    def _make_parents(self, path: bytes) -> None:
        """Directories that the archive takes for granted; one at a time, each in its own parent."""
        head = b""
        for part in path.split(b"/"):
            parent = self._open(head)
            try:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, _IMPLIED_MODE, dir_fd=parent)
            finally:
                os.close(parent)
            head = head + b"/" + part if head else part

    def _make_room(self, parent: int, name: bytes, real: bytes) -> None:
        """Take away what is there, or refuse to."""
        is_directory = stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode)
        path, comes_directory = self._now
        if self._policy.no_overwrite and is_directory != comes_directory:
            old, new = (
                ("directory", "non-directory") if is_directory else ("non-directory", "directory")
            )
            raise Refusal(f"cannot overwrite {old} {unpack.shown(path)} with {new}")
        tree.remove_in(parent, os.fsdecode(name))
        self._forget(real)

    def _set_directory_times(self) -> None:
        for path, mtime in reversed(self._directories.items()):
            with contextlib.suppress(OSError):  # gone or replaced since, by somebody inside
                directory = self._open(path, _DIRECTORY)
                try:
                    os.utime(directory, ns=(mtime, mtime))
                finally:
                    os.close(directory)


class Refusal(Exception):
    """A directory is in the way of a file, or a file of a directory."""
