"""Removing images by Docker's rules: what a reference takes away, and what forbids it.

Behaviour and words: `docker rmi` (moby daemon/images/image_delete.go of the classic store).
A name is only untagged while others remain; the last name, or an id, deletes. Hard conflicts cannot
be forced (a running container, a child image), soft ones can (a stopped container, several names).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wherry.errors import Conflict
from wherry.image.names import is_id_prefix
from wherry.spec import digest as digests
from wherry.spec import image as documents
from wherry.spec import reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.image.record import Image
    from wherry.image.store import ImageStore
    from wherry.spec.platform import Platform
    from wherry.spec.reference import Reference

UNTAGGED, DELETED = "untagged", "deleted"


@dataclass(frozen=True, slots=True)
class ImageUser:
    """A container made of the image."""

    container_id: str
    running: bool


class ImageUsers(Protocol):
    """Who knows which containers use an image; the engine's containers do."""

    def users_of(self, image_id: str) -> Sequence[ImageUser]:
        """The containers, running or not, made of the image."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing done, of kind UNTAGGED (a familiar reference) or DELETED (a digest)."""

    kind: str
    name: str
    image_id: str


@dataclass(frozen=True, slots=True)
class _Obstacle:
    """Why an image cannot be deleted."""

    reason: str
    forcible: bool
    in_use: bool


class Remover:
    """Removes images from a store."""

    def __init__(self, images: ImageStore, users: ImageUsers) -> None:
        self._images = images
        self._users = users

    def remove(self, ref: str, *, force: bool = False, prune: bool = True) -> list[Step]:
        """Untag or delete; returns what was done. Raises NotFound, or Conflict in Docker's words.

        With `prune`, parents go too that nothing names or uses any more.
        """
        image = self._images.resolve(ref)
        steps: list[Step] = []
        if not _is_id(image, ref):
            if not self._untag(image, ref, steps, force=force):
                self._delete(image.id, steps, force=force, prune=prune, quiet=True)
        else:
            self._untag_by_id(image, steps, force=force)
            self._delete(image.id, steps, force=force, prune=prune, quiet=False)
        self._remove_behind(steps, force=force)
        return steps

    def remove_platforms(
        self, ref: str, platforms: Sequence[Platform], *, force: bool = False
    ) -> list[Step]:
        """Delete these platforms' images behind a name, which keeps the others.

        Raises NotFound where the name has no such platform, Conflict where one is in use, or is
        the one that the name itself leads to while others are left.
        """
        steps: list[Step] = []
        for wanted in platforms:
            image = self._images.resolve(ref, wanted)
            if image.tags or image.digests:
                raise Conflict(
                    f"conflict: unable to delete {_short(image.id)} (cannot be forced) - the name "
                    f"{ref} leads to its platform {image.config.platform}",
                    hint="remove the name itself",
                )
            self._delete(image.id, steps, force=force, prune=False, quiet=False)
        return steps

    def _remove_behind(self, steps: list[Step], *, force: bool) -> None:
        """The other platforms' images of indexes that lost their last name, unless in use."""
        for id in self._images.drop_dead_indexes():
            try:
                self._delete(id, steps, force=force, prune=False, quiet=True)
            except Conflict:
                continue  # made parent of another image meanwhile

    def _untag(self, image: Image, ref: str, steps: list[Step], *, force: bool) -> bool:
        """Take the name away; whether others remain and the image with them."""
        if not force and _has_one_name(image):
            for user in self._users.users_of(image.id):
                raise Conflict(
                    f'conflict: unable to remove repository reference "{ref}" (must force) - '
                    f"container {user.container_id[:12]} is using its referenced image "
                    f"{_short(image.id)}",
                    hint="remove the container first, or force it",
                )
        name = reference.parse(ref).tagged()
        self._take_name(image.id, name, steps)
        image = self._images.get(image.id)
        if not any(reference.parse(tag).name == name.name for tag in image.tags):
            for text in image.digests:
                if reference.parse(text).name == name.name:
                    self._take_name(image.id, reference.parse(text), steps)
        image = self._images.get(image.id)
        return bool(image.tags or image.digests)

    def _untag_by_id(self, image: Image, steps: list[Step], *, force: bool) -> None:
        """All names at once when they are of one repository; else deleting will say no."""
        if not _has_one_name(image):
            return
        obstacle = self._obstacle(image, force=force, names_matter=False)
        if obstacle:
            raise _conflict(image.id, obstacle)
        self._take_all_names(image, steps)

    def _take_all_names(self, image: Image, steps: list[Step]) -> None:
        for text in (*image.tags, *image.digests):
            self._take_name(image.id, reference.parse(text), steps)

    def _take_name(self, image_id: str, name: Reference, steps: list[Step]) -> None:
        self._images.untag(name)
        steps.append(Step(UNTAGGED, name.familiar, image_id))

    def _delete(self, id: str, steps: list[Step], *, force: bool, prune: bool, quiet: bool) -> None:
        """Delete the image, then its parents as far as nothing holds them.

        `quiet` swallows an obstacle, unless the image has just lost its last name for nothing.
        """
        image = self._images.get(id)
        obstacle = self._obstacle(image, force=force, names_matter=True)
        if obstacle:
            if quiet and (image.tags or image.digests or obstacle.in_use):
                return
            raise _conflict(id, obstacle)
        self._take_all_names(image, steps)
        gone = set(self._images.delete(id))
        steps.append(Step(DELETED, id, id))
        chain = documents.chain_ids(image.layers)
        layers = list(zip(image.layers, chain, strict=True))
        steps += [Step(DELETED, name, id) for diff_id, name in reversed(layers) if diff_id in gone]
        if prune and image.parent:
            self._prune_parent(image.parent, steps)

    def _prune_parent(self, id: str, steps: list[Step]) -> None:
        parent = self._images.get(id)
        if not (parent.tags or parent.digests):
            try:
                self._delete(id, steps, force=False, prune=True, quiet=True)
            except Conflict:
                return  # other children have it

    def _obstacle(self, image: Image, *, force: bool, names_matter: bool) -> _Obstacle | None:
        """The first thing in the way, hard ones first; soft ones only when not forced."""
        if self._images.children(image.id):
            return _Obstacle("image has dependent child images", False, False)
        users = self._users.users_of(image.id)
        for user in users:
            if user.running:
                reason = f"image is being used by running container {user.container_id[:12]}"
                return _Obstacle(reason, False, True)
        if force:
            return None
        if names_matter and (image.tags or image.digests):
            return _Obstacle("image is referenced in multiple repositories", True, False)
        for user in users:
            reason = f"image is being used by stopped container {user.container_id[:12]}"
            return _Obstacle(reason, True, True)
        return None


def _conflict(id: str, obstacle: _Obstacle) -> Conflict:
    how = "must be forced" if obstacle.forcible else "cannot be forced"
    return Conflict(f"conflict: unable to delete {_short(id)} ({how}) - {obstacle.reason}")


def _short(id: str) -> str:
    return digests.encoded(id)[:12]


def _is_id(image: Image, ref: str) -> bool:
    """Whether the reference was the image's id or a prefix of it, and not a name."""
    prefix = ref.removeprefix("sha256:")
    return is_id_prefix(prefix) and digests.encoded(image.id).startswith(prefix)


def _has_one_name(image: Image) -> bool:
    """At most one tag, and digests of its repository only."""
    if len(image.tags) > 1:
        return False
    repositories = {reference.parse(text).name for text in (*image.tags, *image.digests)}
    return len(repositories) <= 1
