"""An image archive taken apart: its members as files beside the blobs, hashed on the way.

Members of an archive come in any order (`docker save` writes the manifest last), so all are kept
until it is known what they are. Names are never used as paths.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import tarfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from wherry.errors import Invalid
from wherry.image.compression import CompressionError, Decompressed
from wherry.storage import tree

if TYPE_CHECKING:
    from typing import Self

    from wherry.image.compression import Readable
    from wherry.storage.content import ContentStore

_CHUNK = 1 << 20
_DOCUMENT_LIMIT = 16 << 20  # bytes; manifests and configs are a few kilobytes
_LINK_LIMIT = 8


@dataclass(frozen=True, slots=True)
class Member:
    """One file of the archive: where its bytes are now, their sha256 digest and number."""

    path: str
    digest: str
    size: int

    def open(self) -> IO[bytes]:
        """Read its bytes."""
        return open(self.path, "rb")


class Spool:
    """The members of one archive; gone at the end of the block, but for those made blobs."""

    def __init__(self, content: ContentStore) -> None:
        self._directory = content.spool()
        self._members: dict[str, Member] = {}
        self._links: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        tree.remove(self._directory)

    def fill(self, source: Readable) -> None:
        """Take the archive in, to its end. Raises Invalid when it is damaged or no archive."""
        plain = Decompressed(source)
        try:
            with tarfile.open(
                fileobj=cast("IO[bytes]", plain), mode="r|", bufsize=_CHUNK
            ) as archive:
                for member in archive:
                    self._take(archive, member)
            while plain.read(_CHUNK):
                pass
        except (tarfile.TarError, CompressionError, EOFError, ValueError, OverflowError) as error:
            raise Invalid(f"cannot read the image archive: {error}") from error

    def _take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        name = posixpath.normpath(member.name)
        if member.issym():
            self._links[name] = posixpath.normpath(
                posixpath.join(posixpath.dirname(name), member.linkname)
            )
        elif member.islnk():
            self._links[name] = posixpath.normpath(member.linkname)
        elif member.isreg() and (file := archive.extractfile(member)) is not None:
            self._members[name] = self._store(file, member.size)

    def _store(self, file: IO[bytes], size: int) -> Member:
        path = os.path.join(self._directory, str(len(self._members)))
        hashed = hashlib.sha256()
        left = size
        with open(path, "xb", buffering=0) as copy:
            while left:
                data = file.read(min(_CHUNK, left))
                if not data:
                    raise EOFError("it ends early")
                hashed.update(data)
                view = memoryview(data)
                while view:
                    view = view[copy.write(view) :]
                left -= len(data)
        return Member(path, f"sha256:{hashed.hexdigest()}", size)

    def has(self, name: str) -> bool:
        """Whether the archive has such a file."""
        return self._find(name) is not None

    def member(self, name: str) -> Member:
        """The file of that name, links followed. Raises Invalid."""
        found = self._find(name)
        if found is None:
            raise Invalid(f"the image archive has no {name!r}, though it refers to it")
        return found

    def _find(self, name: str) -> Member | None:
        name = posixpath.normpath(name)
        for _ in range(_LINK_LIMIT):
            if name in self._members:
                return self._members[name]
            name = self._links.get(name, "")
        return None

    def document(self, name: str) -> bytes:
        """The content of a small file. Raises Invalid."""
        member = self.member(name)
        if member.size > _DOCUMENT_LIMIT:
            raise Invalid(f"{name!r} in the image archive is too large: {member.size} bytes")
        with member.open() as file:
            return file.read()
