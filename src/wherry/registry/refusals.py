"""What a registry's refusal means, as a kind of `wherry.errors`, with the registry's own words.

    Temporary(Unavailable)   it may work a little later: 408, 429, 500 to 504, a broken connection

Error bodies: OCI distribution spec v1.1, "Error Codes"; wording as moby's, which clients know.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.errors import (
    Denied,
    Invalid,
    NotFound,
    Unauthorized,
    Unavailable,
    Unsupported,
    WherryError,
)

if TYPE_CHECKING:
    from wherry.spec.reference import Reference

TEMPORARY: Final = frozenset({408, 429, 500, 502, 503, 504})
_WORDS: Final = {
    401: "unauthorized: authentication required",
    403: "denied: requested access to the resource is denied",
    404: "not found",
    429: "toomanyrequests: too many requests",
}
_LONGEST = 300  # characters of a registry's text that are shown


class Temporary(Unavailable):
    """It may work a little later: after `delay` seconds, if the registry told (else None)."""

    def __init__(self, message: str, *, hint: str = "", delay: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.delay = delay


class TooLarge(Invalid):
    """The body of a request is more than the registry, or a proxy before it, takes (413)."""


_KINDS: Final[dict[int, type[WherryError]]] = {
    400: Invalid,
    401: Unauthorized,
    403: Denied,
    404: NotFound,
    405: Unsupported,
    413: TooLarge,
    416: Invalid,
    501: Unsupported,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is none of those hoped for: HTTP status, error code ("" if none), words."""

    status: int
    code: str
    text: str
    delay: float | None = None

    def error(self, what: str, host: str) -> WherryError:
        """The refusal of `what` ("pull of app:1") as an error of its kind."""
        message = f"{what}: {self.text}"
        if self.status in TEMPORARY:
            return Temporary(message, delay=self.delay)
        hint = f"log in with: wherry login {host}" if self.status == 401 else ""
        return _KINDS.get(self.status, Unavailable)(message, hint=hint)


def refusal(status: int, body: bytes, delay: float | None = None) -> Refusal:
    """Read an error answer; a body that is no error document is quoted if it is short text."""
    code, message = _first_error(body)
    if not code:  # answers to HEAD, and those of proxies on the way
        words = _WORDS.get(status, f"unexpected HTTP status {status}")
        return Refusal(status, "", words + _quoted(body), delay)
    name = code.lower().replace("_", " ")
    return Refusal(status, code, f"{name}: {message}" if message else name, delay)


def _first_error(body: bytes) -> tuple[str, str]:
    try:
        errors = json.loads(body)["errors"]
        return str(errors[0]["code"]), _shown(str(errors[0].get("message") or ""))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "", ""


def _quoted(body: bytes) -> str:
    text = _shown(body[: 4 * _LONGEST].decode(errors="replace").strip())
    return f": {text}" if text and not text.startswith("<") else ""


def _shown(text: str) -> str:
    """Printable and short: what a registry says ends in terminals and logs."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "..."


def pull_error(refused: Refusal, reference: Reference) -> WherryError:
    """Why a reference cannot be pulled, in Docker's words and kinds (moby, TranslatePullError)."""
    known = {
        "MANIFEST_UNKNOWN": f"manifest for {reference.familiar} not found",
        "NAME_UNKNOWN": f"repository {reference.familiar_name} not found",
        "DENIED": f"pull access denied for {reference.familiar_name}, repository does not exist"
        " or may require 'docker login'",
    }
    if refused.code in known:
        return NotFound(f"{known[refused.code]}: {refused.text}")
    if refused.status == 404:
        return NotFound(f"manifest for {reference.familiar} not found: {refused.text}")
    return refused.error(f"pull of {reference.familiar} failed", reference.domain)
