"""Whether an image may be used: the policy file applied to what a reference was resolved to.

    check = SignatureCheck("/etc/wherry/signatures.json")
    check.admit(reference, resolved.descriptor, session)      # raises Denied

The digest that is checked is the one that is fetched next, so a tag that moves to an unsigned image
is refused. An index is signed as a whole: its digest covers every platform's manifest. The file
and the keys are read anew each time, so that a change counts from the next pull on; a file that
cannot be read or understood refuses everything, since nobody knows what it would have kept out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.errors import Denied, Invalid
from wherry.registry import signature_policy
from wherry.registry.signature_policy import ACCEPT_EVERYTHING, DEFAULT_PATH, REJECT, SIGNED

if TYPE_CHECKING:
    from wherry.registry.session import Session
    from wherry.registry.signature_policy import Policy
    from wherry.spec.image import Descriptor
    from wherry.spec.reference import Reference


class SignatureCheck:
    """The policy of one file. Blocking; for worker threads, any number at once."""

    def __init__(self, path: str = DEFAULT_PATH) -> None:
        self._path = path

    def admit(self, reference: Reference, descriptor: Descriptor, session: Session) -> None:
        """Return if the image may be used.

        `reference` is what was asked for (its repository picks the row), `descriptor` what it was
        resolved to, `session` the conversation with its registry. Raises Denied with the row, what
        was found and the remedy, and what `Session` raises.
        """
        rule = self._policy().rule_for(reference)
        if rule.action == REJECT:
            raise Denied(
                f"{reference.familiar} may not be used: {rule} of the signature policy {self._path}"
                " rejects it",
                hint="take an image from elsewhere, or have the row changed",
            )
        if rule.action == SIGNED:
            from wherry.registry.signature_search import require_signature

            require_signature(reference, descriptor, session, rule, self._path)

    def _policy(self) -> Policy:
        try:
            with open(self._path, "rb") as file:
                return signature_policy.parse(file.read(), self._path)
        except FileNotFoundError:
            if self._path == DEFAULT_PATH:
                return ACCEPT_EVERYTHING
            raise self._unusable("it is missing") from None
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from None
        except Invalid as error:
            raise Denied(f"no image can be pulled: {error}") from None

    def _unusable(self, why: str) -> Denied:
        return Denied(
            f"no image can be pulled: the signature policy {self._path} cannot be read: {why}",
            hint="mend the file, or start the daemon with another --signature-policy",
        )
