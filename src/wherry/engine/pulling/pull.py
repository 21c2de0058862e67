"""One pull: resolve, choose, bring the parts, record. Blocking; nothing shows before it is whole.

The words are dockerd's, which the docker CLI and people's scripts know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.engine.pulling import choice, plan
from wherry.engine.pulling.choice import Wanted
from wherry.engine.values.images import Progress
from wherry.image.record import UNPACKED, StoredManifest
from wherry.image.store import best
from wherry.registry.credentials import ANONYMOUS
from wherry.registry.session import Session
from wherry.spec import image as documents
from wherry.spec import platform, reference
from wherry.spec.image import Index, Manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.engine.pulling.display import Report
    from wherry.engine.pulling.layers import LayerWorks
    from wherry.engine.pulling.plan import Planned
    from wherry.engine.pulling.policy import Policy
    from wherry.engine.values.images import PullRequest
    from wherry.image.record import IndexTree
    from wherry.image.store import ImageStore
    from wherry.registry.cancellation import Cancellation
    from wherry.registry.config import RegistryConfig
    from wherry.registry.session import Resolved
    from wherry.spec.image import Descriptor
    from wherry.spec.platform import Platform
    from wherry.spec.reference import Reference
    from wherry.storage.gc import Collector
    from wherry.storage.leases import Lease


@dataclass(frozen=True, slots=True)
class Brought:
    """What a pull ended with: the id that a name leads to, and whether anything was new."""

    name: Reference
    image: str
    new: bool


@dataclass(frozen=True, slots=True)
class Puller:
    """Pulls images into one store. Any thread, any number at once.

    `host` is the platform that images are for when nothing else is asked for.
    """

    images: ImageStore
    collector: Collector
    works: LayerWorks
    config: RegistryConfig
    policy: Policy
    host: Platform

    def wanted(self, text: str) -> Wanted:
        """The platform that a request's text means. Raises Invalid."""
        if text.lower() == choice.ALL:
            return Wanted(self.host, everything=True)
        if text:
            return Wanted(platform.parse(text), explicit=True)
        return Wanted(self.host)

    def pull(
        self, request: PullRequest, report: Report, cancellation: Cancellation
    ) -> list[Brought]:
        """Fetch one reference, or every tag of its repository.

        Raises what `Session` raises, Denied by the policy, Invalid, NotFound without a fitting
        platform, Unavailable when the disk is full, Cancelled. Tags before a failing one stay.
        """
        asked = reference.parse(request.reference)
        wanted = self.wanted(request.platform)
        credentials = request.credentials or ANONYMOUS
        with Session(asked.domain, self.config, credentials, cancellation=cancellation) as session:
            names = [asked.tagged()]
            if request.all_tags:
                names = [asked.with_tag(tag) for tag in session.tags(asked.path)]
            one = _OnePull(self, session, wanted, report, cancellation)
            brought = [one.run(name) for name in names]
        shown = asked if request.all_tags else asked.tagged()
        done = (
            "Downloaded newer image" if any(one.new for one in brought) else "Image is up to date"
        )
        report(Progress(f"Status: {done} for {shown.familiar}"))
        return brought


class _OnePull:
    """The references of one request, one after the other over one session."""

    def __init__(
        self,
        puller: Puller,
        session: Session,
        wanted: Wanted,
        report: Report,
        cancellation: Cancellation,
    ) -> None:
        self._puller = puller
        self._images = puller.images
        self._session = session
        self._wanted = wanted
        self._report = report
        self._cancellation = cancellation

    def run(self, name: Reference) -> Brought:
        """Bring what the name leads to now."""
        resolved = self._session.resolve(name)
        self._puller.policy.admit(name, resolved.descriptor, self._session)
        self._report(Progress(f"Pulling from {name.path}", name.digest or name.tag))
        with self._puller.collector.lease() as lease:
            brought = self._bring(name, resolved, lease)
        self._report(Progress(f"Digest: {resolved.descriptor.digest}"))
        self._warn(name, brought.image)
        return brought

    def _bring(self, name: Reference, resolved: Resolved, lease: Lease) -> Brought:
        tree, entries = self._entries(name, resolved)
        root = resolved.descriptor.digest
        planned = [self._planned(name, entry, resolved, n == 0) for n, entry in enumerate(entries)]
        new = [one for one in planned if not self._is_kept(one, lease)]
        if new:
            parts = plan.merged(new)
            self._puller.works.bring(
                parts, self._session, name.path, lease, self._report, self._cancellation
            )
            digests_ = [part.descriptor.digest for part in parts]
            content = self._images.content
            content.note_sources(filter(content.has, digests_), name.name)
        self._cancellation.check()
        named = name if not name.digest else name.with_digest(name.digest)
        had = self._images.named(named)
        main = self._main(root, planned)
        if new or had is None or had.image != main or (had.digest or root) != root:
            additions = [one.addition for one in planned]
            self._images.add_all(additions, lease, name=named, index=tree, main=main)
        return Brought(named, main, bool(new) or had is None or had.image != main)

    def _entries(
        self, name: Reference, resolved: Resolved
    ) -> tuple[IndexTree | None, list[Descriptor]]:
        """The manifests to bring, the main one first, and the index that they are from."""
        descriptor = resolved.descriptor
        document = documents.parse_document(resolved.document, descriptor.media_type)
        if not isinstance(document, Index):
            return None, [descriptor]
        root = StoredManifest(descriptor.digest, descriptor.media_type, resolved.document)
        tree = choice.gather(root, lambda entry: self._session.manifest(name.path, entry).document)
        return tree, choice.choose(tree.manifests, self._wanted)

    def _planned(
        self, name: Reference, entry: Descriptor, resolved: Resolved, main: bool
    ) -> Planned:
        stored = self._manifest(name, entry, resolved)
        manifest = documents.parse_document(stored.document, stored.media_type)
        assert isinstance(manifest, Manifest)
        if not plan.is_image(entry, manifest):
            return plan.artifact(stored, manifest)
        document = self._config(name, manifest)
        return plan.image(stored, manifest, document, unpack=main)

    def _manifest(self, name: Reference, entry: Descriptor, resolved: Resolved) -> StoredManifest:
        if entry.digest == resolved.descriptor.digest:
            return StoredManifest(entry.digest, entry.media_type, resolved.document)
        known = self._images.manifest(entry.digest)
        if known is not None:
            return known[0]
        found = self._session.manifest(name.path, entry)
        return StoredManifest(entry.digest, entry.media_type, found.document)

    def _config(self, name: Reference, manifest: Manifest) -> bytes:
        known = self._images.document(manifest.config.digest)
        return known or self._session.read_blob(name.path, manifest.config)

    def _is_kept(self, planned: Planned, lease: Lease) -> bool:
        """Whether the store has the image in this form, with every blob of this manifest.

        Its parts are leased first, so that they outlive a removal at the same time.
        """
        addition = planned.addition
        for part in planned.parts:
            lease.add("blob", part.descriptor.digest)
            if part.diff_id:
                lease.add("layer", part.diff_id)
        known = self._images.manifest(addition.manifest.digest)
        if known is None:
            return False
        kind = self._images.get(known[1]).kind
        return kind in (addition.kind, UNPACKED)

    def _main(self, root: str, planned: Sequence[Planned]) -> str:
        """The id that the name shall lead to: this machine's where that is there."""
        fresh = [one.addition for one in planned]
        there = [self._images.get(id) for id in self._images.members(root).values()]
        mine = best(self._puller.host, [image for image in there if image.kind == UNPACKED])
        if mine is None or (fresh[0].kind == UNPACKED and self._fits(fresh[0].document)):
            return fresh[0].id
        return mine.id

    def _fits(self, document: bytes) -> bool:
        return self._puller.host.preference(documents.parse_config(document).platform) is not None

    def _warn(self, name: Reference, id: str) -> None:
        """An image of one platform only, and not of the one that was asked for."""
        found = self._images.get(id).config.platform
        wanted = self._wanted.platform
        if self._wanted.explicit and found.os and wanted.preference(found) is None:
            self._report(
                Progress(
                    f"WARNING: image with reference {name.familiar} was found but does not match "
                    f"the specified platform: wanted {wanted}, actual: {found}"
                )
            )
