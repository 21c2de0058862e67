"""One push: what a name stands for goes to its registry, blobs first, the tag last. Blocking."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wherry.engine.pulling.display import Transfer, short
from wherry.engine.pushing.content import Contents
from wherry.engine.values.images import Progress
from wherry.errors import Invalid, NotFound
from wherry.registry.credentials import ANONYMOUS
from wherry.registry.push import Outcome, push_blob
from wherry.registry.session import Session
from wherry.spec import platform, reference

if TYPE_CHECKING:
    from wherry.engine.pulling.display import Report
    from wherry.engine.pushing.content import Blob, Outgoing
    from wherry.engine.values.images import PushRequest
    from wherry.image.record import StoredManifest
    from wherry.image.store import ImageStore
    from wherry.registry.cancellation import Cancellation
    from wherry.registry.config import RegistryConfig
    from wherry.registry.push import Pushed
    from wherry.spec.reference import Reference
    from wherry.storage.gc import Collector

_WORDS = {
    Outcome.EXISTED: "Layer already exists",
    Outcome.PUSHED: "Pushed",
    Outcome.FOREIGN: "Skipped foreign layer",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A tag that is in the registry now."""

    name: Reference
    image: str
    digest: str


@dataclass(frozen=True, slots=True)
class Pusher:
    """Pushes images of one store. Any thread, any number at once."""

    images: ImageStore
    collector: Collector
    config: RegistryConfig

    def push(self, request: PushRequest, report: Report, cancellation: Cancellation) -> list[Sent]:
        """Send one tag, or every tag of a repository.

        Raises NotFound for a name that is not here, what `Session` raises, Cancelled. Tags before
        a failing one have been sent.
        """
        asked = reference.parse(request.reference)
        if asked.digest:
            raise Invalid("cannot push a digest reference")
        wanted = platform.parse(request.platform) if request.platform else None
        report(Progress(f"The push refers to repository [{asked.name}]"))
        names = self._names(asked, all_tags=request.all_tags)
        credentials = request.credentials or ANONYMOUS
        with (
            Session(asked.domain, self.config, credentials, cancellation=cancellation) as session,
            self.collector.lease() as lease,
        ):
            contents = Contents(
                self.images, lease, lambda diff_id: report(Progress("Preparing", short(diff_id)))
            )
            one = _OnePush(self, session, report, cancellation)
            sent: list[Sent] = []
            for name in names:
                target = self.images.target(str(name))
                sent.append(one.run(name, contents.of(target, wanted, str(name))))
        return sent

    def _names(self, asked: Reference, *, all_tags: bool) -> list[Reference]:
        tags = self.images.tags_of(asked.name)
        if not tags:
            raise NotFound(f"An image does not exist locally with the tag: {asked.familiar_name}")
        if all_tags:
            return [asked.with_tag(tag) for tag in tags]
        name = asked.tagged()
        if name.tag not in tags:
            raise NotFound(f"tag does not exist: {name.familiar}")
        return [name]


class _OnePush:
    """The tags of one request, one after the other over one session."""

    def __init__(
        self, pusher: Pusher, session: Session, report: Report, cancellation: Cancellation
    ) -> None:
        self._content = pusher.images.content
        self._images = pusher.images
        self._workers = pusher.config.max_concurrent_uploads
        self._session = session
        self._report = report
        self._cancellation = cancellation

    def run(self, name: Reference, outgoing: Outgoing) -> Sent:
        """Blobs, manifests, the tag; each only when what it refers to is there."""
        self._send_blobs(name, outgoing)
        for stored in outgoing.manifests:
            self._session.put_manifest(name.path, stored.digest, stored.media_type, stored.document)
        root = outgoing.root
        self._session.put_manifest(name.path, name.tag, root.media_type, root.document)
        self._images.note_digest(outgoing.image, name.with_digest(root.digest))
        digests_ = [blob.descriptor.digest for blob in outgoing.blobs]
        self._content.note_sources(filter(self._content.has, digests_), name.name)
        self._tell(name, outgoing)
        return Sent(name, outgoing.image, root.digest)

    def _send_blobs(self, name: Reference, outgoing: Outgoing) -> None:
        for blob in outgoing.blobs:
            if blob.shown:
                self._report(Progress("Preparing", short(blob.shown)))
        workers = max(min(self._workers, len(outgoing.blobs)), 1)
        with ThreadPoolExecutor(workers, thread_name_prefix="push") as pool:
            tasks = [pool.submit(self._send, name, blob) for blob in outgoing.blobs]
            try:
                for task in as_completed(tasks):
                    task.result()
            except BaseException:
                self._cancellation.cancel()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _send(self, name: Reference, blob: Blob) -> None:
        self._cancellation.check()
        digest = blob.descriptor.digest
        known = [reference.parse(source) for source in self._content.sources(digest)]
        sources = [one.path for one in known if one.domain == name.domain and one.path != name.path]
        shown = blob.shown or digest
        report = self._report if blob.shown else _silent
        watcher = Transfer(report, "Pushing", blob.descriptor, shown)
        pushed = push_blob(
            self._session, name.path, blob.descriptor, blob.open, watcher, sources=sources
        )
        report(Progress(_outcome(pushed), short(shown)))

    def _tell(self, name: Reference, outgoing: Outgoing) -> None:
        root = outgoing.root
        size = len(root.document)
        self._report(Progress(f"{name.tag}: digest: {root.digest} size: {size}"))
        aux = {"Tag": name.tag, "Digest": root.digest, "Size": size}
        self._report(Progress(aux=aux))
        if outgoing.instead_of is not None:
            self._report(Progress(aux=_instead(outgoing.instead_of, root)))


def _instead(index: StoredManifest, sent: StoredManifest) -> dict[str, Any]:
    """What tells a client that only one platform was there to be sent (Docker API, push aux)."""
    return {
        "manifestPushedInsteadOfIndex": True,
        "originalIndex": index.descriptor.to_json(),
        "selectedManifest": sent.descriptor.to_json(),
    }


def _outcome(pushed: Pushed) -> str:
    if pushed.outcome == Outcome.MOUNTED:
        return f"Mounted from {pushed.source}"
    return _WORDS[pushed.outcome]


def _silent(news: Progress) -> None:
    """Configs go unmentioned, as with Docker."""
