"""Why a start failed, in words that a user can act on.

The text is whole: it says what failed, on what and why, the reason in Go's lower case as Docker
words it ("no such file or directory"), because Docker's command line finds its exit code (126,
127 or 125) by searching for exactly these words. Nobody needs to add `os.strerror` to it.
"""

from __future__ import annotations

import os


class Failure(Exception):
    """A step failed. `errno` is the kernel's, 0 where none fits; `text` is for the user.

    `step` is set by whoever knows the step's name; the child takes it from the plan.
    """

    def __init__(self, errno: int, text: str, step: str = "") -> None:
        super().__init__(text)
        self.errno = errno
        self.text = text
        self.step = step


def reason(errno: int) -> str:
    """The kernel's reason as Docker's clients know it: lower case."""
    words = os.strerror(errno)
    return words[:1].lower() + words[1:] if words[1:2].islower() else words


def text_of(error: OSError) -> str:
    """What an OSError of the kernel layer says, as a whole sentence."""
    what = error.filename if isinstance(error.filename, str) else ""
    call, separator, detail = (error.strerror or "").rpartition(": ")
    errno = error.errno or 0
    why = reason(errno) if detail == os.strerror(errno) else detail
    return ": ".join(word for word in (call if separator else "", what, why) if word)
