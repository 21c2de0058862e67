"""What a failed start means to a client: kind of error, message, exit code.

The rules are dockerd's, which look for words in the runtime's text; the runtime's texts are made
of these words on purpose (`wherry.runtime.failure`), since docker itself looks for them too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wherry.engine.containers.runtime import KeeperGone, LaunchError
from wherry.errors import Internal, Invalid, Unavailable, WherryError

CANNOT_INVOKE: Final = 126
NOT_FOUND: Final = 127
UNKNOWN: Final = 128

PREFIX: Final = "OCI runtime create failed: unable to start container process"
EXEC_PREFIX: Final = "OCI runtime exec failed: exec failed: unable to start container process"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The error to raise and the exit code to record."""

    error: WherryError
    exit_code: int


# Words in the text, the first that fits: exit code, what docker's command line wants in addition.
_RULES: Final = (
    ("not a directory", NOT_FOUND, ""),
    ("permission denied", CANNOT_INVOKE, ""),
    ("is a directory", CANNOT_INVOKE, ": permission denied"),
    ("executable file not found", NOT_FOUND, ""),
    ("no such file or directory", NOT_FOUND, ""),
)


_WISHES: Final = ("sysctl", "rlimits", "keyring", "label")
"""Steps that only fail because of what the user asked for."""


def judge(error: Exception, prefix: str = PREFIX) -> Verdict:
    """Judge what a start raised."""
    if isinstance(error, LaunchError):
        return _judge_launch(error, prefix)
    if isinstance(error, WherryError):
        return Verdict(error, UNKNOWN)
    if isinstance(error, KeeperGone):
        return Verdict(
            Unavailable(f"the keeper does not answer: {error}", hint="try again"), UNKNOWN
        )
    return Verdict(Internal(f"{prefix}: {error}"), UNKNOWN)


def _judge_launch(error: LaunchError, prefix: str) -> Verdict:
    message = f"{prefix}: {error.text}"
    for words, code, addition in _RULES:
        if words in error.text.lower():
            return Verdict(Invalid(message + addition), code)
    if error.step == "exec":
        # The file is there, but the kernel does not take it: wrong architecture, no format.
        return Verdict(Invalid(message), CANNOT_INVOKE if error.errno == 8 else UNKNOWN)
    if error.step in _WISHES:
        return Verdict(Invalid(message), UNKNOWN)
    return Verdict(Internal(message), UNKNOWN)
