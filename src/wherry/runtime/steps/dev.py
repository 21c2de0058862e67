"""Device nodes and links in the container's /dev."""

from __future__ import annotations

import os

from wherry.kernel import mount
from wherry.kernel.devices import LINKS, is_node, mknod
from wherry.runtime.failure import Failure, reason
from wherry.runtime.steps.directory import ensure_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.kernel.devices import Node
    from wherry.runtime.start import Child


def attach(child: Child, target: str) -> None:
    """Mount the /dev that was made outside, where a user namespace forbids us to make nodes."""
    where = ensure_directory(target)
    mount.attach(child.dev, where, target)
    os.close(where)
    os.close(child.dev)


def make_nodes(_: Child, nodes: list[Node]) -> None:
    """Make the device nodes; one that is there already must be the same device."""
    mask = os.umask(0)
    opened: dict[str, int] = {}
    try:
        for node in nodes:
            parent, name = _split(node[0])
            if parent not in opened:
                opened[parent] = ensure_directory(parent or "/")
            _make(name, node, opened[parent])
    finally:
        os.umask(mask)
        for fd in opened.values():
            os.close(fd)


def _split(path: str) -> tuple[str, str]:
    parent, _, name = path.rpartition("/")
    return parent, name


def _make(name: str, node: Node, directory: int) -> None:
    try:
        mknod(name, node, directory)
    except FileExistsError:
        if not is_node(os.stat(name, dir_fd=directory, follow_symlinks=False), node):
            raise Failure(17, f"{node[0]} exists and is another file") from None
    except OSError as error:
        errno = error.errno or 0
        raise Failure(errno, f"making the device {node[0]}: {reason(errno)}") from None


def make_links(_: Child) -> None:
    """The links that every /dev has; what the image brought along stays."""
    directory = ensure_directory("/dev")
    try:
        for path, target in LINKS:
            if path == "/dev/core" and not os.path.lexists(target):
                continue  # a kernel without /proc/kcore: runc leaves the link out, too
            try:
                os.symlink(target, path.removeprefix("/dev/"), dir_fd=directory)
            except FileExistsError:
                pass
    finally:
        os.close(directory)
