"""Pushing a list: its manifests and their blobs into the list's repository, then the list."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, BinaryIO

from wherry.cli.manifests.listed import encode_list, media_type_of, rows_for
from wherry.registry.push import push_blob
from wherry.spec import image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wherry.cli.manifests.listed import Listed
    from wherry.registry.session import Session
    from wherry.spec.image import Descriptor
    from wherry.spec.reference import Reference

_PIECE = 1 << 20


class _Silent:
    """Nobody watches: blobs are mounted, as a rule, and take no time."""

    def advanced(self, done: int) -> None:
        """See `registry.fetch.Watcher`."""

    def retrying(self, seconds: float, reason: str) -> None:
        """See `registry.fetch.Watcher`."""


def push_list(session: Session, target: Reference, manifests: Sequence[Listed]) -> Iterator[str]:
    """Push, and yield a line for each step that is done. Raises `Failure` and what `Session` does.

    The list comes last, so that it never names what is not there.
    """
    document = encode_list(rows_for(target, manifests))
    for manifest in manifests:
        source = manifest.reference.path
        if source != target.path:
            _bring_blobs(session, source, target.path, manifest)
            at = f"{target.name}@{manifest.digest}"
            digest = session.put_manifest(
                target.path, manifest.digest, manifest.media_type, manifest.raw
            )
            yield f"Pushed ref {at} with digest: {digest}"
    name = target.digest or target.tag
    yield session.put_manifest(target.path, name, media_type_of(document), document)


def _bring_blobs(session: Session, source: str, target: str, manifest: Listed) -> None:
    document = image.parse_manifest(manifest.raw)
    for blob in (document.config, *document.layers):
        push_blob(
            session, target, blob, _fetching(session, source, blob), _Silent(), sources=[source]
        )


def _fetching(session: Session, source: str, blob: Descriptor) -> Callable[[], BinaryIO]:
    """What gets the bytes where the registry does not mount: through a file without a name."""

    def fetch() -> BinaryIO:
        file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115  push_blob closes it
        stream = session.blob(source, blob)
        buffer = memoryview(bytearray(_PIECE))
        while count := stream.readinto(buffer):
            file.write(buffer[:count])
        stream.close()
        file.seek(0)
        return file

    return fetch
