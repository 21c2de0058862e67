"""Stores in a temporary directory, hand-made archives, and trees as comparable values."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from wherry.image.load import ImageLoaded, LayerLoaded, Loader
from wherry.image.record import Image
from wherry.image.store import ImageStore
from wherry.image.unpacking import unpack_file
from wherry.storage.layer import UnpackedLayer
from wherry.storage.merged import is_opaque
from wherry.storage.stores import Stores, open_stores

Member = tuple[str, dict[str, Any], bytes]


class Engine:
    """Stores, and what the tests do with them."""

    def __init__(self, root: Path, driver: str = "overlay2") -> None:
        self.root = root
        self.stores: Stores = open_stores(os.fspath(root), driver=driver)
        self.layers = self.stores.layers
        self.images = ImageStore(self.stores.database, self.layers, self.stores.collector)

    def load(self, archive: bytes | Path) -> list[Image]:
        loader = Loader(self.images, self.stores.content, self.stores.collector)
        source = io.BytesIO(archive) if isinstance(archive, bytes) else archive.open("rb")
        with source:
            self.news: list[LayerLoaded | ImageLoaded] = []
            return loader.load(source, self.news.append)

    def with_layer(self, data: bytes, use: Callable[[UnpackedLayer], None], **kw: Any) -> None:
        """Unpack a layer, let the test look at it while it is leased."""
        path = self.root / "layer.tar"
        path.write_bytes(data)
        with self.stores.collector.lease() as lease, path.open("rb") as file:
            _, unpacked = unpack_file(self.layers, file, lease, **kw)
            use(unpacked)

    def nothing_left(self) -> bool:
        """No layer, stage, spool or blob."""
        blobs = [name for _, _, names in os.walk(self.root / "blobs") for name in names]
        spools = os.listdir(self.root / "blobs" / "ingest")
        return not (blobs or spools or os.listdir(self.root / "layers"))


def tar(members: Iterable[Member], format: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of (name, TarInfo attributes, content); `pax_headers` among them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for name, attributes, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in attributes.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def file(name: str, content: bytes = b"", **attributes: Any) -> Member:
    return (name, attributes, content)


def directory(name: str, **attributes: Any) -> Member:
    return (name, {"type": tarfile.DIRTYPE, "mode": 0o755, **attributes}, b"")


def symlink(name: str, target: str) -> Member:
    return (name, {"type": tarfile.SYMTYPE, "linkname": target}, b"")


def hard_link(name: str, target: str) -> Member:
    return (name, {"type": tarfile.LNKTYPE, "linkname": target}, b"")


def device(name: str, kind: bytes, major: int, minor: int) -> Member:
    return (name, {"type": kind, "devmajor": major, "devminor": minor}, b"")


def picture(root: str | Path) -> dict[str, tuple[object, ...]]:
    """Everything that a layer must keep, by path: kind, mode, owner, time, device, content, xattrs,
    and which paths are one inode."""
    found: dict[str, tuple[object, ...]] = {}
    first: dict[int, str] = {}
    for where, directories, files in os.walk(root):
        for name in sorted(directories + files):
            path = os.path.join(where, name)
            relative = os.path.relpath(path, root)
            state = os.lstat(path)
            same = first.setdefault(state.st_ino, relative) if state.st_nlink > 1 else relative
            found[relative] = (*_face(path, state), same if not os.path.isdir(path) else relative)
    return found


def _face(path: str, state: os.stat_result) -> tuple[object, ...]:
    content: object = None
    if stat.S_ISLNK(state.st_mode):
        content = os.readlink(path)
    elif stat.S_ISREG(state.st_mode):
        with open(path, "rb") as opened:
            content = opened.read()
    names = sorted(os.listxattr(path, follow_symlinks=False))
    xattrs = tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in names)
    owner = (state.st_uid, state.st_gid)
    return (state.st_mode, owner, state.st_mtime_ns, state.st_rdev, content, xattrs)


def opaque(path: str) -> bool:
    """Whether a directory hides what lower layers have in it."""
    root = os.open(path, os.O_RDONLY)
    try:
        return is_opaque(root, "")
    finally:
        os.close(root)
