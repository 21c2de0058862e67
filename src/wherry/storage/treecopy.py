"""Copying a directory of a merged view with all that a file can have.

Owners, modes, times, extended attributes, hard links, devices and holes survive; the content is
shared where the file system can (FICLONE, ioctl_ficlonerange(2)), else copied by the kernel.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from typing import TYPE_CHECKING, Final

from wherry.storage import tree
from wherry.storage.merged import walk

if TYPE_CHECKING:
    from wherry.storage.merged import MergedDirectory, Node

_FICLONE: Final = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)
_CANNOT_CLONE: Final = (
    errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ETXTBSY, errno.EPERM
)  # fmt: skip
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PORTION: Final = 1 << 26


def copy(source: MergedDirectory, face: Node, target: str) -> None:
    """Copy what is in `source` into the empty directory `target`, and make that look like `face`.

    Raises OSError. What was copied before stays; sockets are left out.
    """
    with tree.opened_directory(target) as root:
        copying = _Copying(root, source.path)
        directories = []
        for node in walk(source):
            copying.node(node)
            if node.is_directory:
                directories.append(node)
        for node in reversed(directories):
            copying.finish_directory(node)
        _copy_face(face, root)


class _Copying:
    """One copy: where to, what part of the paths to leave out, which inodes are there already."""

    def __init__(self, root: int, top: str) -> None:
        self._root = root
        self._skip = len(top) + 1 if top else 0
        self._linked: dict[tuple[int, int], str] = {}

    def node(self, node: Node) -> None:
        """Make one entry; a directory gets its attributes later."""
        path, state = node.path[self._skip :], node.state
        if node.is_directory:
            os.mkdir(path, 0o700, dir_fd=self._root)
        elif stat.S_ISSOCK(state.st_mode) or self._link(path, state):
            return
        elif stat.S_ISREG(state.st_mode):
            self._file(node, path)
        else:
            self._special(node, path)

    def _link(self, path: str, state: os.stat_result) -> bool:
        """Whether the inode is there already, and `path` is now another name of it."""
        if state.st_nlink < 2:
            return False
        first = self._linked.setdefault((state.st_dev, state.st_ino), path)
        if first == path:
            return False
        os.link(first, path, src_dir_fd=self._root, dst_dir_fd=self._root, follow_symlinks=False)
        return True

    def _file(self, node: Node, path: str) -> None:
        source = node.open()
        try:
            target = os.open(path, _CREATE, 0o600, dir_fd=self._root)
            try:
                _copy_content(source, target)
                _copy_face(node, target)
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _special(self, node: Node, path: str) -> None:
        """Symbolic links, devices and fifos. Owner first: it clears the set-id bits of the mode."""
        state, root = node.state, self._root
        is_link = stat.S_ISLNK(state.st_mode)
        if is_link:
            os.symlink(node.link_target(), path, dir_fd=root)
        else:
            os.mknod(path, state.st_mode, state.st_rdev, dir_fd=root)
        os.chown(path, state.st_uid, state.st_gid, dir_fd=root, follow_symlinks=False)
        if not is_link:
            os.chmod(path, stat.S_IMODE(state.st_mode), dir_fd=root)
        os.utime(path, ns=_times(node), dir_fd=root, follow_symlinks=False)

    def finish_directory(self, node: Node) -> None:
        """Directories last: their times change with their content."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(node.path[self._skip :], flags, dir_fd=self._root)
        try:
            _copy_face(node, descriptor)
        finally:
            os.close(descriptor)


def _copy_content(source: int, target: int) -> None:
    """Share the blocks, or copy the extents and leave the holes between them."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
        return
    except OSError as error:
        if error.errno not in _CANNOT_CLONE:
            raise
    size = os.fstat(source).st_size
    for begin, end in _extents(source, size):
        _copy_range(source, target, begin, end)
    os.ftruncate(target, size)


def _extents(source: int, size: int) -> list[tuple[int, int]]:
    """Where data is, as (begin, end); a file system that knows no holes says: everywhere."""
    found = []
    position = 0
    while position < size:
        try:
            begin = os.lseek(source, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # a hole up to the end
                break
            raise
        position = os.lseek(source, begin, os.SEEK_HOLE)
        found.append((begin, min(position, size)))
    return found


def _copy_range(source: int, target: int, begin: int, end: int) -> None:
    os.lseek(target, begin, os.SEEK_SET)
    while begin < end:
        done = os.sendfile(target, source, begin, min(end - begin, _PORTION))
        if not done:  # the file was cut meanwhile
            return
        begin += done


def _copy_face(node: Node, descriptor: int) -> None:
    """Owner before mode (chown clears set-id bits) before xattrs (chown clears capabilities)."""
    os.fchown(descriptor, node.state.st_uid, node.state.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(node.state.st_mode))
    for name, value in node.xattrs().items():
        with contextlib.suppress(PermissionError):
            os.setxattr(descriptor, name, value)
    os.utime(descriptor, ns=_times(node))


def _times(node: Node) -> tuple[int, int]:
    return (node.state.st_atime_ns, node.state.st_mtime_ns)
