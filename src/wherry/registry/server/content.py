"""What a registry offers for pulling: the role, and the values it speaks in.

Implementations: `library.Library` (a directory), `cache.Cache` (another registry behind it),
`engineview.EngineView` (an engine's images).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol, TypeAlias

from wherry.registry.server.paging import Page
from wherry.registry.server.ranges import Span


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest as it was pushed, to the byte."""

    digest: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class FileBlob:
    """A blob that is a file; whoever gets it closes it."""

    file: BinaryIO
    size: int


@dataclass(frozen=True, slots=True)
class StreamBlob:
    """A blob that comes into being while it is read; `read` begins anew at each call."""

    size: int
    read: Callable[[Span], AsyncIterator[bytes]]


Blob: TypeAlias = FileBlob | StreamBlob


class Contents(Protocol):
    """Everything that can be pulled. All raise RegistryError."""

    async def manifest(self, name: str, reference: str) -> StoredManifest:
        """A manifest by tag or digest. NAME_UNKNOWN, MANIFEST_UNKNOWN."""

    async def blob(self, name: str, digest: str) -> Blob:
        """A blob of a repository. NAME_UNKNOWN, BLOB_UNKNOWN."""

    async def blob_size(self, name: str, digest: str) -> int:
        """The length of a blob in bytes, without opening it. NAME_UNKNOWN, BLOB_UNKNOWN."""

    async def tags(self, name: str, page: Page) -> Sequence[str]:
        """Tags in byte order, one more than the page holds if there is more. NAME_UNKNOWN."""

    async def referrers(self, name: str, digest: str) -> Sequence[dict[str, Any]]:
        """Descriptors of the manifests whose subject this is; empty for what is not known."""

    async def repositories(self, page: Page) -> Sequence[str]:
        """Names of repositories in byte order, one more than the page holds if there is more."""
