"""Manifests and indexes of a registry: resolve, read, store, delete."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

from wherry.errors import Invalid
from wherry.registry import documents, refusals
from wherry.registry.conversation import pull_scope, push_scope
from wherry.registry.endpoint import Call, read_refusal
from wherry.registry.exchange import Body
from wherry.spec import digest as digests
from wherry.spec.image import Descriptor

if TYPE_CHECKING:
    from wherry.registry.conversation import Conversation
    from wherry.registry.endpoint import Endpoint
    from wherry.registry.exchange import Answer
    from wherry.spec.reference import Reference

_ACCEPT: Final = {"Accept": ", ".join(documents.ACCEPTED)}


@dataclass(frozen=True, slots=True)
class Resolved:
    """A manifest or index as the registry holds it: verified bytes, and the host that gave them."""

    descriptor: Descriptor
    document: bytes
    source: str


def resolve(talk: Conversation, reference: Reference) -> Resolved:
    """What a reference names now."""
    target = _target(reference)

    def work(endpoint: Endpoint) -> Resolved:
        answer = endpoint.send(_call("GET", endpoint, reference.path, target), talk.cancellation)
        if answer.status != 200:
            raise refusals.pull_error(read_refusal(answer), reference)
        return _read(answer, endpoint, target)

    return talk.read(work)


def head(talk: Conversation, reference: Reference) -> Descriptor | None:
    """What a reference names now, by HEAD; None when the answer does not tell, nor why not."""
    target = _target(reference)

    def work(endpoint: Endpoint) -> Descriptor | None:
        answer = endpoint.send(_call("HEAD", endpoint, reference.path, target), talk.cancellation)
        answer.discard()
        return _from_head(answer) if answer.status == 200 else None

    return talk.read(work)


def read(talk: Conversation, repository: str, descriptor: Descriptor) -> Resolved:
    """The document with this descriptor."""

    def work(endpoint: Endpoint) -> Resolved:
        call = _call("GET", endpoint, repository, descriptor.digest)
        answer = endpoint.send(call, talk.cancellation)
        talk.expect(answer, f"manifest {descriptor.digest} of {repository}", 200)
        return _read(answer, endpoint, descriptor)

    return talk.read(work)


def put(talk: Conversation, repository: str, target: str, media_type: str, document: bytes) -> bool:
    """Store a document; whether the registry entered its `subject` into the referrers itself."""
    call = Call(
        "PUT",
        f"{repository}/manifests/{target}",
        push_scope(repository),
        headers={"Content-Type": media_type},
        body=Body(lambda: BytesIO(document), len(document)),
    )
    answer = talk.send(call)
    talk.expect(answer, f"push of {repository} {target}", 201, 200, 202)
    answer.discard()
    told, sent = answer.header("Docker-Content-Digest"), digests.of(document)
    if told.startswith("sha256:") and told != sent:
        raise Invalid(
            f"push of {repository} {target}: the registry stored {told} instead of {sent}"
        )
    return bool(answer.header("OCI-Subject"))


def exists(talk: Conversation, repository: str, digest: str) -> bool:
    """Whether the registry itself has it."""
    path = f"{repository}/manifests/{digest}"
    call = Call("HEAD", path, push_scope(repository), headers=_ACCEPT)
    return talk.has(call, f"manifest {digest} of {repository}")


def delete(talk: Conversation, repository: str, target: str) -> None:
    """Delete a manifest by digest, or a tag where the registry can."""
    scope = frozenset({f"repository:{repository}:delete"})
    answer = talk.send(Call("DELETE", f"{repository}/manifests/{target}", scope))
    talk.expect(answer, f"deletion of {repository} {target}", 202, 200)
    answer.discard()


def _target(reference: Reference) -> str:
    return reference.digest or reference.tagged().tag


def _call(method: str, endpoint: Endpoint, repository: str, target: str) -> Call:
    name = endpoint.repository(repository)
    return Call(method, f"{name}/manifests/{target}", pull_scope(name), headers=_ACCEPT)


def _read(answer: Answer, endpoint: Endpoint, asked: Descriptor | str) -> Resolved:
    told = answer.header("Docker-Content-Digest")
    content_type = answer.header("Content-Type")
    data = answer.read(documents.LARGEST)
    return Resolved(documents.describe(data, content_type, told, asked), data, endpoint.name)


def _from_head(answer: Answer) -> Descriptor | None:
    digest = answer.header("Docker-Content-Digest")
    media_type = answer.header("Content-Type").partition(";")[0].strip().lower()
    length = answer.header("Content-Length")
    if not digests.is_digest(digest) or media_type not in documents.ACCEPTED:
        return None
    return Descriptor(media_type, digest, int(length)) if length.isdigit() else None
