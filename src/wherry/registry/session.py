"""A conversation with one registry and its mirrors. Blocking; for worker threads.

    with Session("docker.io", config, credentials) as session:
        resolved = session.resolve(reference.parse("debian:12"))

Sources: OCI distribution spec v1.1, Docker registry HTTP API v2 (the same where both speak).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wherry.errors import Unsupported
from wherry.registry.credentials import ANONYMOUS, Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from wherry.registry.cancellation import Cancellation
    from wherry.registry.config import RegistryConfig
    from wherry.spec.image import Descriptor
    from wherry.spec.reference import Reference


@dataclass(frozen=True, slots=True)
class Resolved:
    """A manifest or index as the registry holds it: verified bytes, and who delivered them."""

    descriptor: Descriptor
    document: bytes
    source: str


@dataclass(frozen=True, slots=True)
class Found:
    """One line of a search (`docker search`)."""

    name: str
    description: str
    stars: int
    official: bool
    automated: bool


class BlobStream(Protocol):
    """The bytes of a blob from `offset` on; `readinto` answers 0 at the end."""

    offset: int

    def readinto(self, buffer: memoryview) -> int:
        """Some of the next bytes. Raises Unavailable when the connection breaks."""
        ...

    def close(self) -> None:
        """Give the connection up."""
        ...


class Session:
    """Requests to the registry `domain` (a reference's domain, such as docker.io), in any thread.

    Reading tries the registry's mirrors in order, then the registry; writing goes to the registry.
    All methods raise NotFound, Denied, Unavailable, Invalid or Unsupported with the registry's own
    code and words, and `cancellation.Cancelled`; temporary failures were retried before.
    `repository` is always a reference's path (library/debian).
    """

    def __init__(
        self,
        domain: str,
        config: RegistryConfig,
        credentials: Credentials = ANONYMOUS,
        *,
        cancellation: Cancellation | None = None,
        mirror_credentials: Callable[[str], Credentials] = lambda host: ANONYMOUS,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`mirror_credentials` gives those for a mirror's host; the registry's never go to one.

        `headers` (X-Meta-*, User-Agent of the client) are sent with every request.
        """

    def resolve(self, reference: Reference) -> Resolved:
        """The manifest or index that a reference names now, digest and media type verified."""
        raise Unsupported("not yet")

    def describe(self, reference: Reference) -> Descriptor:
        """What a reference names now, asked by HEAD where the registry answers that fully."""
        raise Unsupported("not yet")

    def manifest(self, repository: str, descriptor: Descriptor) -> Resolved:
        """The manifest or index with this descriptor (by digest), verified."""
        raise Unsupported("not yet")

    def put_manifest(self, repository: str, target: str, media_type: str, document: bytes) -> str:
        """Store a manifest under a tag or digest; the digest that the registry confirmed.

        A manifest with a `subject` is entered into the referrers tag where the registry has no
        referrers API (distribution spec, "Referrers tag schema").
        """
        raise Unsupported("not yet")

    def has_manifest(self, repository: str, digest: str) -> bool:
        """Whether the registry itself (no mirror) has it."""
        raise Unsupported("not yet")

    def delete_manifest(self, repository: str, target: str) -> None:
        """Delete a manifest by digest, or a tag where the registry can."""
        raise Unsupported("not yet")

    def blob(self, repository: str, descriptor: Descriptor, offset: int = 0) -> BlobStream:
        """The blob's bytes, unverified (`fetch.Downloads` verifies), from `offset` if possible.

        The stream's own `offset` tells where it begins: 0 from a registry that knows no Range.
        """
        raise Unsupported("not yet")

    def read_blob(self, repository: str, descriptor: Descriptor, *, limit: int = 4 << 20) -> bytes:
        """A small blob (config, signature payload), verified. Invalid if larger than `limit`."""
        raise Unsupported("not yet")

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether the registry itself (no mirror) has it in the repository."""
        raise Unsupported("not yet")

    def tags(self, repository: str) -> Iterator[str]:
        """Every tag, page by page, in the registry's order."""
        raise Unsupported("not yet")

    def referrers(
        self, repository: str, digest: str, artifact_type: str = ""
    ) -> tuple[Descriptor, ...]:
        """Manifests whose subject is this digest, by API or referrers tag; () if none."""
        raise Unsupported("not yet")

    def catalog(self) -> Iterator[str]:
        """Every repository the registry tells of."""
        raise Unsupported("not yet")

    def search(self, term: str, limit: int = 25) -> tuple[Found, ...]:
        """Repositories that match (registry API v1, which Docker Hub answers)."""
        raise Unsupported("not yet")

    def log_in(self) -> str:
        """Check the credentials; the identity token that the registry gave in return, or "".

        Raises Denied when they are wrong.
        """
        raise Unsupported("not yet")

    def close(self) -> None:
        """Close all connections."""

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
