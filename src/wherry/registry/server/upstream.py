"""The registry behind a cache: our client (`wherry.registry`), one session for all repositories.

Blocking; for worker threads. Raises the client's errors (`wherry.errors`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from wherry.errors import Invalid
from wherry.registry.config import RegistryConfig
from wherry.registry.credentials import ANONYMOUS, Credentials
from wherry.registry.refusals import Temporary
from wherry.registry.server import config
from wherry.registry.session import Session
from wherry.spec import reference as references
from wherry.spec.image import Descriptor

ATTEMPTS: Final = 5
PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fetched:
    """A manifest as the upstream registry has it, verified."""

    descriptor: Descriptor
    data: bytes


class Upstream:
    """Reads from one registry. Raises Invalid for a configuration that cannot be used."""

    def __init__(self, settings: config.Upstream) -> None:
        domain, insecure = _address(settings.url)
        client = RegistryConfig(insecure=(domain,) if insecure else (), max_download_attempts=2)
        self._domain = domain
        self._session = Session(domain, client, _credentials(settings))

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def describe(self, name: str, tag: str) -> Descriptor:
        """What a tag names there now."""
        return self._session.describe(references.Reference(self._domain, name, tag))

    def manifest(self, name: str, digest: str) -> Fetched:
        """A manifest by digest."""
        reference = references.Reference(self._domain, name, digest=digest)
        found = self._session.resolve(reference)
        return Fetched(found.descriptor, found.document)

    def tags(self, name: str) -> list[str]:
        """All tags of a repository."""
        return list(self._session.tags(name))

    def referrers(self, name: str, digest: str) -> list[dict[str, Any]]:
        """Descriptors of the manifests whose subject this is."""
        return [each.to_json() for each in self._session.referrers(name, digest)]

    def blob(self, name: str, descriptor: Descriptor, offset: int = 0) -> Iterator[bytes]:
        """A blob's bytes from `offset` on, unverified; goes on after a broken connection."""
        attempts = ATTEMPTS
        while offset < descriptor.size:
            try:
                for piece in self._stream(name, descriptor, offset):
                    yield piece
                    offset += len(piece)
                return
            except Temporary:
                attempts -= 1
                if not attempts:
                    raise

    def _stream(self, name: str, descriptor: Descriptor, offset: int) -> Iterator[bytes]:
        stream = self._session.blob(name, descriptor, offset)
        buffer = bytearray(PIECE)
        skip = offset - stream.offset
        try:
            while count := stream.readinto(memoryview(buffer)):
                piece = bytes(memoryview(buffer)[:count])
                yield from [piece[skip:]] if skip < count else []
                skip = max(0, skip - count)
        finally:
            stream.close()


def _address(url: str) -> tuple[str, bool]:
    """Host of a URL (or a bare host), and whether it is spoken to without TLS. Raises Invalid."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        raise Invalid(f"cannot keep a copy of {url!r}: expected https://registry.example[:port]")
    if "@" in parts.netloc:
        raise Invalid(
            "the upstream's URL holds credentials", hint="use upstream.username and password-file"
        )
    host = "docker.io" if parts.netloc in _HUB else parts.netloc
    return host, parts.scheme == "http"


_HUB: Final = ("docker.io", "index.docker.io", "registry-1.docker.io")


def _credentials(settings: config.Upstream) -> Credentials:
    if not settings.username:
        return ANONYMOUS
    try:
        with open(settings.password_file, encoding="utf-8") as file:
            return Credentials(settings.username, file.read().strip())
    except OSError as error:
        raise Invalid(
            f"cannot read the upstream's password {settings.password_file!r}: {error.strerror}"
        ) from None
