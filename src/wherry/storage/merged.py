"""The merged view of a stack of layers in overlayfs' on-disk form, without mounting anything.

Form (Documentation/filesystems/overlayfs.rst): a character device 0:0 hides the name in lower
layers; a directory with trusted.overlay.opaque=y hides all that lower layers have in it. Used by
export, diff and the plain-copy snapshotter; safe while a container writes into the upper layer
(see `storage.tree`).
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.storage import tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

OPAQUE_XATTR = "trusted.overlay.opaque"
_PRIVATE_XATTRS = "trusted.overlay."


def is_whiteout(state: os.stat_result) -> bool:
    """Whether this is overlayfs' mark of a deleted name."""
    return stat.S_ISCHR(state.st_mode) and state.st_rdev == 0


@dataclass(frozen=True, slots=True)
class Node:
    """One visible path: `path` relative to the root ("" is the root), as the layer `root` has it.

    `root` is a descriptor of that layer's top directory, valid while the tree is open.
    """

    path: str
    state: os.stat_result
    root: int

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.state.st_mode)

    def open(self) -> int:
        """A read descriptor (regular file or directory); raises OSError when it changed kind."""
        return tree.open_beneath(self.root, self.path, os.O_RDONLY)

    def link_target(self) -> str:
        """Where the symbolic link points; raises OSError when it is none any more."""
        link = tree.open_beneath(self.root, self.path, os.O_PATH | os.O_NOFOLLOW)
        try:
            return os.readlink("", dir_fd=link)
        finally:
            os.close(link)

    def xattrs(self) -> dict[str, bytes]:
        """Extended attributes of a file or directory, overlayfs' own left out."""
        if not (self.is_directory or stat.S_ISREG(self.state.st_mode)):
            return {}
        descriptor = self.open()
        try:
            return read_xattrs(descriptor)
        finally:
            os.close(descriptor)


def read_xattrs(descriptor: int) -> dict[str, bytes]:
    """Extended attributes of an open file, overlayfs' own left out; sorted by name."""
    names = sorted(os.listxattr(descriptor))
    return {
        name: os.getxattr(descriptor, name)
        for name in names
        if not name.startswith(_PRIVATE_XATTRS)
    }


def is_opaque(root: int, path: str) -> bool:
    """Whether the directory hides what is below it."""
    descriptor = tree.open_beneath(root, path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return os.getxattr(descriptor, OPAQUE_XATTR) == b"y"
    except OSError:  # ENODATA; or EPERM without CAP_SYS_ADMIN, where nobody could have set it
        return False
    finally:
        os.close(descriptor)


class MergedDirectory:
    """A directory as the layers below `roots` make it, topmost first; empty if none has it."""

    def __init__(self, roots: Sequence[int], path: str) -> None:
        self._roots = tuple(roots)
        self.path = path

    def __bool__(self) -> bool:
        return bool(self._roots)

    def nodes(self) -> dict[str, Node]:
        """What is visible in it, by name, sorted by the names' bytes."""
        found: dict[str, Node | None] = {}
        for root in self._roots:
            try:
                self._collect(root, found)
            except OSError as error:
                if error.errno not in tree.VANISHED:
                    raise
        names = sorted(found, key=os.fsencode)
        return {name: node for name in names if (node := found[name]) is not None}

    def _collect(self, root: int, found: dict[str, Node | None]) -> None:
        for name, state in tree.scan(root, self.path):
            if name not in found:
                path = f"{self.path}/{name}" if self.path else name
                found[name] = None if is_whiteout(state) else Node(path, state, root)

    def entries(self) -> list[tuple[str, os.stat_result]]:
        """What the topmost layer has in it, marks of deletion included, sorted."""
        try:
            return tree.scan(self._roots[0], self.path) if self._roots else []
        except FileNotFoundError:
            return []

    def hides_lower(self) -> bool:
        """Whether it is marked to hide what lower layers have in it."""
        return bool(self._roots) and is_opaque(self._roots[0], self.path)

    def child(self, name: str) -> MergedDirectory:
        """A directory in it; empty when that name is none."""
        path = f"{self.path}/{name}" if self.path else name
        roots: list[int] = []
        for root in self._roots:
            try:
                descriptor = tree.open_beneath(root, path, os.O_PATH)
            except FileNotFoundError:
                continue
            except OSError:  # a link, or a parent that is none in this layer
                break
            state = os.fstat(descriptor)
            os.close(descriptor)
            if not stat.S_ISDIR(state.st_mode):
                break
            roots.append(root)
            try:
                if is_opaque(root, path):
                    break
            except OSError as error:  # removed or replaced since
                if error.errno not in tree.VANISHED:
                    raise
                break
        return MergedDirectory(roots, path)


class MergedTree:
    """The whole view; directories are given topmost first. Use as a context manager."""

    def __init__(self, directories: Sequence[str]) -> None:
        self._directories = tuple(directories)
        self._roots: list[int] = []

    def __enter__(self) -> MergedTree:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            for directory in self._directories:
                self._roots.append(os.open(directory, flags))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the layers."""
        while self._roots:
            os.close(self._roots.pop())

    @property
    def top(self) -> MergedDirectory:
        """The root directory."""
        return MergedDirectory(self._roots, "")

    def root(self) -> Node:
        """The root directory itself, with the topmost layer's attributes."""
        return Node("", os.fstat(self._roots[0]), self._roots[0])

    def walk(self) -> Iterator[Node]:
        """Every visible path but the root, a directory before its content, siblings sorted."""
        return walk(self.top)


def walk(directory: MergedDirectory) -> Iterator[Node]:
    """Every visible path below a directory, a directory before its content, siblings sorted."""
    pending: list[Iterator[tuple[MergedDirectory, Node]]] = [_children(directory)]
    while pending:
        step = next(pending[-1], None)
        if step is None:
            pending.pop()
            continue
        parent, node = step
        yield node
        if node.is_directory:
            pending.append(_children(parent.child(os.path.basename(node.path))))


def _children(directory: MergedDirectory) -> Iterator[tuple[MergedDirectory, Node]]:
    return ((directory, node) for node in directory.nodes().values())
