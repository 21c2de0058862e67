"""The role of whoever says which images may be taken: `registry.signature_check` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wherry.registry.session import Session
    from wherry.spec.image import Descriptor
    from wherry.spec.reference import Reference


class Policy(Protocol):
    """Asked once for each reference that is pulled, before anything beyond its manifest is fetched.

    `reference` is what was asked for, `descriptor` the manifest or index that it names now and
    whose bytes were verified; `session` serves for further questions (referrers, signatures).
    """

    def admit(self, reference: Reference, descriptor: Descriptor, session: Session) -> None:
        """Return when the image may be taken. Raises Denied, saying which rule forbids it."""
        ...
