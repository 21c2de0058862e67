"""A conversation with one registry and its mirrors. Blocking; for worker threads.

    with Session("docker.io", config, credentials) as session:
        resolved = session.resolve(reference.parse("debian:12"))

Sources: OCI distribution spec v1.1, Docker registry HTTP API v2 (the same where both speak).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from wherry.registry import blobs, endpoints, listing, manifests, referrers, uploads
from wherry.registry.blobs import BlobStream
from wherry.registry.cancellation import Cancellation
from wherry.registry.conversation import Conversation
from wherry.registry.credentials import ANONYMOUS, Credentials
from wherry.registry.endpoint import Call
from wherry.registry.listing import Found
from wherry.registry.manifests import Resolved
from wherry.registry.retry import Backoff
from wherry.spec import digest as digests

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from types import TracebackType

    from wherry.registry.config import RegistryConfig
    from wherry.registry.endpoint import Endpoint
    from wherry.registry.uploads import Upload
    from wherry.spec.image import Descriptor
    from wherry.spec.reference import Reference

__all__ = ["BlobStream", "Found", "Resolved", "Session"]


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
        self.domain = domain
        self._config = config
        self._credentials = credentials
        self._extra = {"User-Agent": "wherry", **(headers or {})}
        self.backoff = Backoff(config.max_download_attempts, config.first_retry_delay)
        self.cancellation = cancellation or Cancellation()
        self._talk = Conversation(
            endpoints.registry(domain, config, credentials, self._extra),
            endpoints.mirrors(domain, config, mirror_credentials, self._extra),
            self.backoff,
            self.cancellation,
        )

    @property
    def registry_name(self) -> str:
        """The registry's own host, as a stream's `source` names it."""
        return self._talk.registry.name

    def resolve(self, reference: Reference) -> Resolved:
        """The manifest or index that a reference names now, digest and media type verified.

        Errors are in Docker's words for pull.
        """
        return manifests.resolve(self._talk, reference)

    def describe(self, reference: Reference) -> Descriptor:
        """What a reference names now, asked by HEAD where the registry answers that fully.

        A HEAD does not count against Docker Hub's limit of pulls.
        """
        return manifests.head(self._talk, reference) or self.resolve(reference).descriptor

    def manifest(self, repository: str, descriptor: Descriptor) -> Resolved:
        """The manifest or index with this descriptor (by digest), verified.

        An empty media type in the descriptor fits any.
        """
        return manifests.read(self._talk, repository, descriptor)

    def put_manifest(self, repository: str, target: str, media_type: str, document: bytes) -> str:
        """Store a manifest under a tag or digest; returns its digest, which the registry shares.

        A manifest with a `subject` is entered into the referrers tag where the registry has no
        referrers API (distribution spec, "Referrers Tag Schema").
        """
        if not manifests.put(self._talk, repository, target, media_type, document):
            referrers.announce(self._talk, repository, document, media_type)
        return digests.of(document)

    def has_manifest(self, repository: str, digest: str) -> bool:
        """Whether the registry itself (no mirror) has it."""
        return manifests.exists(self._talk, repository, digest)

    def delete_manifest(self, repository: str, target: str) -> None:
        """Delete a manifest by digest, or a tag where the registry can."""
        manifests.delete(self._talk, repository, target)

    def blob(
        self,
        repository: str,
        descriptor: Descriptor,
        offset: int = 0,
        *,
        avoid: Collection[str] = (),
        cancellation: Cancellation | None = None,
    ) -> BlobStream:
        """The blob's bytes, unverified (`fetch.Downloads` verifies), from `offset` if possible.

        One attempt. The stream's own `offset` tells where it begins: 0 from a registry that knows
        no Range. `avoid` names mirrors (a stream's `source`) that proved bad. `cancellation` is
        obeyed instead of the session's.
        """
        return blobs.open_stream(
            self._talk, repository, descriptor, offset, avoid=avoid, cancellation=cancellation
        )

    def read_blob(self, repository: str, descriptor: Descriptor, *, limit: int = 4 << 20) -> bytes:
        """A small blob (config, signature payload), verified. Invalid if larger than `limit`."""
        return blobs.read_small(self._talk, repository, descriptor, limit)

    def has_blob(self, repository: str, digest: str) -> bool:
        """Whether the registry itself (no mirror) has it in the repository."""
        return blobs.exists(self._talk, repository, digest)

    def start_upload(self, repository: str, digest: str = "", source: str = "") -> Upload | None:
        """Begin to send a blob; None if it was mounted from the repository `source` instead."""
        return uploads.start(self._talk, repository, digest, source)

    def tags(self, repository: str) -> Iterator[str]:
        """Every tag, page by page, in the registry's order."""
        return listing.tags(self._talk, repository)

    def referrers(
        self, repository: str, digest: str, artifact_type: str = ""
    ) -> tuple[Descriptor, ...]:
        """Manifests whose subject is this digest, by API or referrers tag; () if none."""
        return referrers.find(self._talk, repository, digest, artifact_type)

    def catalog(self) -> Iterator[str]:
        """Every repository the registry tells of."""
        return listing.catalog(self._talk)

    def search(self, term: str, limit: int = 25) -> tuple[Found, ...]:
        """Repositories that match (registry API v1, which Docker Hub answers)."""
        host = endpoints.search_host(self.domain)
        endpoint = endpoints.registry(host, self._config, self._credentials, self._extra)
        with self._aside(endpoint) as talk:
            return listing.search(talk, term, limit)

    def log_in(self) -> str:
        """Check the credentials; the identity token that the registry gave in return, or "".

        Raises Denied when they are wrong.
        """
        endpoint = endpoints.registry(
            self.domain, self._config, self._credentials, self._extra, offline=True
        )
        with self._aside(endpoint) as talk:
            answer = talk.send(Call("GET", ""))
            talk.expect(answer, f"login at {self.domain}", 200)
            answer.discard()
            return endpoint.identity_token

    @contextmanager
    def _aside(self, endpoint: Endpoint) -> Iterator[Conversation]:
        """A conversation with another endpoint, for a moment."""
        talk = Conversation(endpoint, (), self.backoff, self.cancellation)
        try:
            yield talk
        finally:
            talk.close()

    def close(self) -> None:
        """Close all connections."""
        self._talk.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
