"""Where volumes are on disk: `volumes/<name>/_data`, as Docker's local driver has them."""

from __future__ import annotations

import os

from wherry.engine.volumes import mounting
from wherry.storage import tree, treecopy
from wherry.storage.merged import MergedTree

_DATA = "_data"


class Directories:
    """The directories of all volumes. Methods block; they raise OSError."""

    def __init__(self, root: str) -> None:
        self._root = root
        os.makedirs(root, mode=0o711, exist_ok=True)

    def path(self, name: str) -> str:
        """Where the volume's files are."""
        return os.path.join(self._root, name, _DATA)

    def make(self, name: str) -> None:
        """Make an empty one; one that is there is kept."""
        os.makedirs(self.path(name), mode=0o755, exist_ok=True)

    def remove(self, name: str) -> None:
        """Delete it with all its files. Removing what does not exist is no error."""
        mounting.unmount_volume(self.path(name))
        tree.remove(os.path.join(self._root, name))

    def rename(self, name: str, other: str) -> None:
        """Move it; whoever has it mounted keeps it."""
        os.rename(os.path.join(self._root, name), os.path.join(self._root, other))

    def clone(self, name: str, other: str) -> None:
        """Copy the files of one into another, which is empty."""
        with MergedTree([self.path(name)]) as source:
            treecopy.copy(source.top, source.root(), self.path(other))

    def size(self, name: str) -> int:
        """Bytes that its files hold on disk, its own directory left out."""
        path = self.path(name)
        return tree.measure(path).size - os.stat(path).st_blocks * 512

    def is_empty(self, name: str) -> bool:
        """Whether nothing is in it."""
        with os.scandir(self.path(name)) as entries:
            return next(entries, None) is None

    def names(self) -> list[str]:
        """Every directory that looks like a volume."""
        return sorted(
            name for name in os.listdir(self._root) if os.path.isdir(os.path.join(self.path(name)))
        )
