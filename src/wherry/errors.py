"""The closed set of error kinds that the engine and everything above storage raises.

    WherryError
    ├── NotFound        the named object does not exist                          HTTP 404
    ├── Conflict        the object's state or another object forbids it          HTTP 409
    ├── Invalid         the request itself is wrong                              HTTP 400
    ├── NotModified     the wanted state holds already                           HTTP 304
    ├── Denied          policy or credentials forbid it                          HTTP 403
    │   └── Unauthorized    credentials are missing or wrong                     HTTP 401
    ├── Unavailable     a part that is needed does not answer, or is full        HTTP 503
    ├── Unsupported     Wherry, or this machine, cannot do it (yet)              HTTP 501
    └── Internal        an assumption of ours or the kernel's broke              HTTP 500

A message says what failed, on what, and why; the hint says what to do about it. The HTTP codes
are given out by `wherry.api.status`, exit codes by `wherry.cli`, nowhere else.
"""

from __future__ import annotations


class WherryError(Exception):
    """Base of all kinds; never raised itself.

    `message` is one sentence without a final full stop, in Docker's words where clients match on
    them. `hint` is the remedy, empty when there is none to give.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """The message, with the hint behind it where there is one."""
        return f"{self.message} ({self.hint})" if self.hint else self.message


class NotFound(WherryError):
    """The named object does not exist."""


class Conflict(WherryError):
    """The object's state, or another object, forbids the request."""


class Invalid(WherryError):
    """The request itself is wrong."""


class NotModified(WherryError):
    """The wanted state holds already."""


class Denied(WherryError):
    """Policy or credentials forbid the request."""


class Unauthorized(Denied):
    """A registry wants credentials, or others than it was shown."""


class Unavailable(WherryError):
    """Something that is needed does not answer, or is full."""


class Unsupported(WherryError):
    """Wherry, or this machine, cannot do it."""


class Internal(WherryError):
    """An assumption of ours, or of the kernel's, broke."""
