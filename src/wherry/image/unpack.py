"""Unpacking one layer: tar members become files in overlayfs' on-disk form.

Runs in the unpack worker with the process' root changed to the layer's own directory: absolute
names, "..", symbolic links and hard links then lead nowhere but into the layer, at no cost per
file, and with Docker's semantics (`docs/decisions/041-unpack-in-a-chrooted-worker.md`). Slim.

Rules: OCI image spec, layer.md. A later entry replaces an earlier one of the same name; whiteouts
hide names of lower layers only, whatever their place in the archive. A small regular file takes
four system calls: open, write, utimensat, close.
"""

from __future__ import annotations

import errno
import os
import stat

from wherry.image import tarheader
from wherry.image.tarheader import TarError
from wherry.image.tarmembers import Members, padded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.image.tarheader import Header
    from wherry.image.tarsource import TarSource
    from wherry.storage.recipe import RecipeWriter

_WHITEOUT = b".wh."
_OPAQUE = b".wh..wh..opq"
_AUFS = b".wh..wh."
_OPAQUE_XATTR = "trusted.overlay.opaque"
_PRIVATE_XATTRS = (b"trusted.overlay.", b"user.overlay.")
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PARENT = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_PARENTS_HELD = 128
_SET_ID = stat.S_ISUID | stat.S_ISGID
_IMPLIED_MODE = 0o755


class Unpacker:
    """Applies a tar stream to the directory `root`, which is this process' root directory.

    `shadow` is a directory outside it for files that later entries replace. After `run`, `entries`
    and `size` (bytes in regular files) are counted and `shadows` lists what was replaced as
    (path, number of recipe references before it).
    """

    def __init__(self, source: TarSource, root: int, shadow: int, recipe: RecipeWriter) -> None:
        self._source = source
        self._recipe = recipe
        self._root = root
        self._shadow = shadow
        self._parents: dict[bytes, tuple[int, bytes]] = {}
        self._retired: list[int] = []
        self._symlinks: set[bytes] = set()
        self._whiteouts: set[bytes] = set()
        self._directories: dict[bytes, int] = {}
        self.shadows: list[tuple[bytes, int]] = []
        self.entries = 0
        self.size = 0

    def run(self) -> None:
        """Unpack to the end. Raises TarError for a bad archive, OSError for a failing system."""
        os.umask(0)
        for header in Members(self._source, self._recipe):
            self.entries += 1
            self._close_retired()
            try:
                self._apply(header)
            except TarError as error:
                raise TarError(f"{shown(header.name)}: {error}") from error
            except OSError as error:
                raise _explained(header, error) from error
            except ValueError as error:  # a NUL inside a name
                raise TarError(f"{shown(header.name)}: {error}") from error
        self._set_directory_times()

    def _apply(self, header: Header) -> None:
        path = clean(header.name)
        base = path.rpartition(b"/")[2]
        if base.startswith(_WHITEOUT):
            self._whiteout(path, header)
            return
        apply = TYPES.get(header.type)
        if apply is None:
            raise TarError(f"entries of type {header.type!r} cannot be unpacked")
        if not path and header.type != tarheader.DIRECTORY:
            raise TarError("the root of the layer must be a directory")
        apply(self, path, header)

    # Regular files

    def regular(self, path: bytes, header: Header) -> None:
        """A file with content, plain or sparse."""
        if header.type == tarheader.OLD_REGULAR and header.name.endswith(b"/"):
            self.directory(path, header)  # as tar programs before ustar wrote it
            return
        parent, name, real = self._locate(path)
        try:
            file = os.open(name, _CREATE, header.mode, dir_fd=parent)
        except FileExistsError:
            self._make_room(parent, name, real)
            file = os.open(name, _CREATE, header.mode, dir_fd=parent)
        try:
            if header.extents is None:
                self.size += header.size
                if header.size:
                    self._fill(file, 0, header.size)
                    self._recipe.data(real, 0, header.size)
            else:
                self._fill_sparse(file, real, header)
            self._finish_file(file, header)
        finally:
            os.close(file)
        self._skip_padding(header.size)

    def _fill(self, file: int, offset: int, length: int) -> None:
        while length:
            view = self._source.portion(length)
            length -= len(view)
            while view:
                written = os.write(file, view)
                view = view[written:]

    def _fill_sparse(self, file: int, path: bytes, header: Header) -> None:
        for offset, length in header.extents or ():
            os.lseek(file, offset, os.SEEK_SET)
            self._fill(file, offset, length)
            self._recipe.data(path, offset, length)
        os.ftruncate(file, header.real_size)
        self.size += header.real_size

    def _finish_file(self, file: int, header: Header) -> None:
        """Owner, then set-id bits (chown clears them), then xattrs (chown clears capabilities)."""
        if header.uid or header.gid:
            os.fchown(file, header.uid, header.gid)
            if header.mode & _SET_ID:
                os.fchmod(file, header.mode)
        if header.xattrs:
            set_xattrs(file, header)
        os.utime(file, ns=(header.mtime, header.mtime))

    def _skip_padding(self, size: int) -> None:
        if size % tarheader.BLOCK:
            self._recipe.literal(self._source.take(-size % tarheader.BLOCK))

    def _skip_data(self, header: Header) -> None:
        """Data behind an entry that has none by its type belong to the recipe only."""
        left = padded(header.size)
        while left:
            portion = self._source.portion(left)
            self._recipe.literal(portion)
            left -= len(portion)

    # Everything else

    def directory(self, path: bytes, header: Header) -> None:
        """A directory; one that is there already gets the new attributes."""
        self._skip_data(header)
        if not path:
            self._finish_directory(os.dup(self._root), header)
            self._directories[b""] = header.mtime
            return
        parent, name, real = self._locate(path)
        opaque = False
        try:
            os.mkdir(name, header.mode, dir_fd=parent)
            made = True
        except FileExistsError:
            made = not stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode)
            if made:
                opaque = real in self._whiteouts
                self._make_room(parent, name, real)
                os.mkdir(name, header.mode, dir_fd=parent)
        if not made or opaque or header.uid or header.gid or header.xattrs or header.mode & _SET_ID:
            directory = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
            self._finish_directory(directory, header, opaque=opaque)
        self._directories.pop(real, None)
        self._directories[real] = header.mtime

    def _finish_directory(self, directory: int, header: Header, *, opaque: bool = False) -> None:
        try:
            os.fchown(directory, header.uid, header.gid)
            os.fchmod(directory, header.mode)
            if header.xattrs:
                set_xattrs(directory, header)
            if opaque:
                os.setxattr(directory, _OPAQUE_XATTR, b"y")
        finally:
            os.close(directory)

    def symlink(self, path: bytes, header: Header) -> None:
        """A symbolic link, wherever it points."""
        self._skip_data(header)
        parent, name, real = self._locate(path)
        try:
            os.symlink(header.link, name, dir_fd=parent)
        except FileExistsError:
            self._make_room(parent, name, real)
            os.symlink(header.link, name, dir_fd=parent)
        self._symlinks.add(real)
        if header.uid or header.gid:
            os.chown(name, header.uid, header.gid, dir_fd=parent, follow_symlinks=False)
        times = (header.mtime, header.mtime)
        os.utime(name, ns=times, dir_fd=parent, follow_symlinks=False)

    def hard_link(self, path: bytes, header: Header) -> None:
        """A further name of an earlier entry."""
        self._skip_data(header)
        from_parent, from_name, from_real = self._locate(clean(header.link), hold=True)
        try:
            parent, name, real = self._locate(path)
            if real == from_real:
                return
            if from_real in self._whiteouts:
                raise FileNotFoundError(errno.ENOENT, "it is not in this layer")
            if _exists(name, parent):
                self._make_room(parent, name, real)
            os.link(
                from_name, name, src_dir_fd=from_parent, dst_dir_fd=parent, follow_symlinks=False
            )
            if from_real in self._symlinks:
                self._symlinks.add(real)
        except FileNotFoundError as error:
            text = f"hard link to {shown(header.link)}, which is not in this archive"
            raise TarError(text) from error
        finally:
            os.close(from_parent)

    def device(self, path: bytes, header: Header) -> None:
        """A device node or fifo."""
        self._skip_data(header)
        parent, name, real = self._locate(path)
        if _exists(name, parent):
            self._make_room(parent, name, real)
        device = os.makedev(header.major, header.minor)
        os.mknod(name, header.mode | _NODES[header.type], device, dir_fd=parent)
        os.chown(name, header.uid, header.gid, dir_fd=parent, follow_symlinks=False)
        if header.mode & _SET_ID:
            os.chmod(name, header.mode, dir_fd=parent)
        times = (header.mtime, header.mtime)
        os.utime(name, ns=times, dir_fd=parent, follow_symlinks=False)

    def volume_label(self, path: bytes, header: Header) -> None:
        """A name for the archive: nothing to unpack."""
        self._skip_data(header)

    # Whiteouts

    def _whiteout(self, path: bytes, header: Header) -> None:
        self._skip_data(header)
        parent, name, real = self._locate(path)
        if name == _OPAQUE:
            self._make_opaque(parent, b".")
        elif not name.startswith(_AUFS):
            self._hide(parent, name[len(_WHITEOUT) :], real)

    def _hide(self, parent: int, name: bytes, marker: bytes) -> None:
        """A name that this layer has itself is not hidden, only what lower layers have under it."""
        if name in (b"", b".", b".."):
            raise TarError("a whiteout of nothing")
        try:
            os.mknod(name, stat.S_IFCHR, 0, dir_fd=parent)
        except FileExistsError:
            if stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
                self._make_opaque(parent, name)
        else:
            self._whiteouts.add(_joined(marker.rpartition(b"/")[0], name))

    def _make_opaque(self, parent: int, name: bytes) -> None:
        directory = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        try:
            os.setxattr(directory, _OPAQUE_XATTR, b"y")
        finally:
            os.close(directory)

    # Names and places

    def _locate(self, path: bytes, *, hold: bool = False) -> tuple[int, bytes, bytes]:
        """The parent's descriptor, the name in it, and the path without symbolic links.

        With `hold` the descriptor is the caller's to close.
        """
        head, _, name = path.rpartition(b"/")
        if not name:
            raise TarError("it names the root of the layer")
        parent, real = self._parents.get(head) or self._open_parent(head)
        return (os.dup(parent) if hold else parent), name, _joined(real, name)

    def _open_parent(self, head: bytes) -> tuple[int, bytes]:
        real = self._resolve(head)
        try:
            parent = os.open(real or b".", _PARENT, dir_fd=self._root)
        except FileNotFoundError:
            self._make_parents(real)
            parent = os.open(real or b".", _PARENT, dir_fd=self._root)
        self._hold(head, parent, real)
        return parent, real

    def _hold(self, head: bytes, parent: int, real: bytes) -> None:
        """Keep an open directory for the entries that follow; the oldest goes for it."""
        if len(self._parents) >= _PARENTS_HELD:
            oldest, _ = self._parents.pop(next(iter(self._parents)))
            os.close(oldest)
        self._parents[head] = parent, real

    def _resolve(self, head: bytes) -> bytes:
        """The directory's path with the archive's own symbolic links followed, inside the root."""
        if not self._symlinks:
            return head
        prefix = b""
        for part in head.split(b"/"):
            prefix = _joined(prefix, part)
            if prefix in self._symlinks:
                return os.path.realpath(b"/" + head).lstrip(b"/")
        return head

    def _make_parents(self, path: bytes) -> None:
        """Directories that the archive takes for granted."""
        prefix = b""
        for part in path.split(b"/"):
            prefix = _joined(prefix, part)
            try:
                os.mkdir(prefix, _IMPLIED_MODE, dir_fd=self._root)
            except FileExistsError:
                continue

    def _make_room(self, parent: int, name: bytes, real: bytes) -> None:
        """Take away what an earlier entry put there; content that the recipe refers to is kept."""
        mode = os.lstat(name, dir_fd=parent).st_mode
        if real in self._whiteouts:
            self._whiteouts.discard(real)
            os.unlink(name, dir_fd=parent)
        elif stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            kept = b"%d" % len(self.shadows)
            os.rename(name, kept, src_dir_fd=parent, dst_dir_fd=self._shadow)
            self.shadows.append((real, self._recipe.references))
        else:
            os.unlink(name, dir_fd=parent)
        if stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
            self._forget(real)

    def _forget(self, real: bytes) -> None:
        """A directory or link is gone: nothing remembered about it or below it holds."""
        below = real + b"/"
        for known in (self._symlinks, self._whiteouts):
            known.difference_update([path for path in known if (path + b"/").startswith(below)])
        for path in [path for path in self._directories if (path + b"/").startswith(below)]:
            del self._directories[path]
        self._retired += [descriptor for descriptor, _ in self._parents.values()]
        self._parents.clear()

    def _close_retired(self) -> None:
        """The entry that replaced something may still be working in one of these directories."""
        while self._retired:
            os.close(self._retired.pop())

    def _set_directory_times(self) -> None:
        """Last, and deepest first, since making an entry changes its directory's time."""
        for path, mtime in reversed(self._directories.items()):
            os.utime(path or b".", ns=(mtime, mtime), dir_fd=self._root, follow_symlinks=False)


TYPES = {
    tarheader.REGULAR: Unpacker.regular,
    tarheader.OLD_REGULAR: Unpacker.regular,
    tarheader.CONTIGUOUS: Unpacker.regular,
    tarheader.GNU_SPARSE: Unpacker.regular,
    tarheader.DIRECTORY: Unpacker.directory,
    tarheader.SYMLINK: Unpacker.symlink,
    tarheader.HARD_LINK: Unpacker.hard_link,
    tarheader.CHARACTER: Unpacker.device,
    tarheader.BLOCK_DEVICE: Unpacker.device,
    tarheader.FIFO: Unpacker.device,
    tarheader.GNU_VOLUME: Unpacker.volume_label,
}

_NODES = {
    tarheader.CHARACTER: stat.S_IFCHR,
    tarheader.BLOCK_DEVICE: stat.S_IFBLK,
    tarheader.FIFO: stat.S_IFIFO,
}


def clean(name: bytes) -> bytes:
    """A member's name relative to the root, without empty parts, "." and ".."; "" is the root.

    Raises TarError for a name that climbs out of the root.
    """
    if name[:2] == b"./":
        name = name[2:]
    name = name.strip(b"/")
    if b"//" in name or name[:1] == b"." or b"/." in name:
        return _normalised(name)
    return name


def _normalised(name: bytes) -> bytes:
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            if not parts:
                raise TarError("it leads out of the root")
            parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/".join(parts)


def _joined(head: bytes, name: bytes) -> bytes:
    return head + b"/" + name if head else name


def _exists(name: bytes, parent: int) -> bool:
    try:
        os.lstat(name, dir_fd=parent)
    except FileNotFoundError:
        return False
    return True


def set_xattrs(file: int, header: Header) -> None:
    """All but overlayfs' own, which would redirect to other files; as far as can be kept here."""
    for name, value in header.xattrs.items():
        if name.startswith(_PRIVATE_XATTRS):
            continue
        try:
            os.setxattr(file, name, value)
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EPERM):
                raise


def _explained(header: Header, error: OSError) -> Exception:
    """What the archive is to blame for is a TarError; a full disk and the like stay as they are."""
    if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.EEXIST):
        return TarError(f"{shown(header.name)}: {error.strerror}")
    if error.errno in (errno.ENOENT, errno.EISDIR, errno.EPERM, errno.ENOTEMPTY):
        return TarError(f"{shown(header.name)}: {error.strerror}")
    return OSError(error.errno, error.strerror, shown(header.name))


def shown(name: bytes) -> str:
    """A name for messages: printable, and not longer than a line."""
    text = name.decode("utf-8", "backslashreplace")
    text = "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in text)
    return repr(text if len(text) <= 200 else text[:197] + "...")
