"""Blobs of a registry, read: as a stream from any offset, or a small one as a whole."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from wherry.errors import Invalid, NotFound
from wherry.registry import headers
from wherry.registry.conversation import pull_scope, push_scope
from wherry.registry.endpoint import Call, read_refusal
from wherry.registry.refusals import Temporary
from wherry.spec import digest as digests

if TYPE_CHECKING:
    from collections.abc import Collection

    from wherry.registry.cancellation import Cancellation
    from wherry.registry.conversation import Conversation
    from wherry.registry.endpoint import Endpoint
    from wherry.registry.exchange import Answer
    from wherry.spec.image import Descriptor

_UNSATISFIABLE: Final = 416


class BlobStream:
    """The bytes of a blob from `offset` on, unverified; `source` is the host that gives them."""

    def __init__(self, answer: Answer, offset: int, source: str) -> None:
        self._answer = answer
        self.offset = offset
        self.source = source

    def readinto(self, buffer: memoryview) -> int:
        """Some of the next bytes, 0 at the end. Raises Temporary when the connection breaks."""
        return self._answer.readinto(buffer)

    def close(self) -> None:
        """Give the connection up, unless the end was read."""
        self._answer.close()


def open_stream(
    talk: Conversation,
    repository: str,
    descriptor: Descriptor,
    offset: int,
    *,
    avoid: Collection[str] = (),
    cancellation: Cancellation | None = None,
) -> BlobStream:
    """One attempt to read a blob from `offset` on; the stream tells where it really begins."""
    wish = cancellation or talk.cancellation

    def work(endpoint: Endpoint) -> BlobStream:
        name = endpoint.repository(repository)
        call = _call(f"{name}/blobs/{descriptor.digest}", name, offset)
        what = f"blob {descriptor.digest} of {repository}"
        return _stream(endpoint.send(call, wish), endpoint, descriptor, offset, what)

    try:
        return talk.read(work, avoid=avoid, once=True)
    except NotFound:
        if not descriptor.urls:
            raise
    return _foreign(talk, descriptor, offset, wish)


def _foreign(
    talk: Conversation, descriptor: Descriptor, offset: int, wish: Cancellation
) -> BlobStream:
    """A layer that the registry does not distribute, from the first URL that its owner names."""
    url, endpoint = descriptor.urls[0], talk.registry
    answer = endpoint.send(_call(url, "", offset), wish)
    return _stream(answer, endpoint, descriptor, offset, f"layer {descriptor.digest} from {url}")


def _call(target: str, repository: str, offset: int) -> Call:
    fields = {"Range": f"bytes={offset}-"} if offset else {}
    return Call(
        "GET", target, pull_scope(repository) if repository else frozenset(), headers=fields
    )


def _stream(
    answer: Answer, endpoint: Endpoint, descriptor: Descriptor, offset: int, what: str
) -> BlobStream:
    try:
        begins = _begin(answer, descriptor, offset, what)
        _check_encoding(answer, what)
        _check_length(answer, descriptor.size - begins, what)
    except BaseException:
        answer.close()
        raise
    return BlobStream(answer, begins, endpoint.name)


def _begin(answer: Answer, descriptor: Descriptor, offset: int, what: str) -> int:
    if answer.status == 206:
        first, whole = headers.content_range(answer.header("Content-Range"))
        if first > offset or whole not in (None, descriptor.size):
            raise Invalid(
                f"{what}: the registry answered bytes from {first} of {whole},"
                f" asked were those from {offset} of {descriptor.size}"
            )
        return first
    if answer.status == 200:
        return 0
    raise read_refusal(answer).error(what, "")


def _check_encoding(answer: Answer, what: str) -> None:
    encoding = answer.header("Content-Encoding").lower()
    if encoding not in ("", "identity"):
        raise Invalid(f"{what}: it comes encoded as {encoding}, which was not asked for")


def _check_length(answer: Answer, expected: int, what: str) -> None:
    """A registry that announces another length than the manifest says lies in one of the two."""
    if answer.length is not None and answer.length != expected:
        raise Invalid(f"{what}: the registry sends {answer.length} bytes, expected {expected}")


def read_small(talk: Conversation, repository: str, descriptor: Descriptor, limit: int) -> bytes:
    """A whole blob, verified; mirrors that give wrong bytes are passed over."""
    what = f"blob {descriptor.digest} of {repository}"
    if descriptor.size > limit:
        raise Invalid(f"{what} has {descriptor.size} bytes, more than {limit}")

    def work(endpoint: Endpoint) -> bytes:
        name = endpoint.repository(repository)
        call = _call(f"{name}/blobs/{descriptor.digest}", name, 0)
        answer = endpoint.send(call, talk.cancellation)
        _stream(answer, endpoint, descriptor, 0, what)
        return _verified(answer.read(descriptor.size), descriptor, what)

    return talk.read(work)


def _verified(data: bytes, descriptor: Descriptor, what: str) -> bytes:
    name = digests.algorithm(descriptor.digest)
    found = f"{name}:{hashlib.new(name, data).hexdigest()}"
    if len(data) < descriptor.size:
        raise Temporary(f"{what}: {len(data)} of {descriptor.size} bytes came")
    if found != descriptor.digest:
        raise Invalid(f"{what}: digest does not fit, the bytes have {found}")
    return data


def exists(talk: Conversation, repository: str, digest: str) -> bool:
    """Whether the registry itself has it in the repository."""
    call = Call("HEAD", f"{repository}/blobs/{digest}", push_scope(repository))
    return talk.has(call, f"blob {digest} of {repository}")
