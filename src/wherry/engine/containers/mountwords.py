"""The text of `-v`: `[source:]target[:mode]`, and the words that a mode may have."""

from __future__ import annotations

import posixpath
from typing import Final

from wherry.engine.containers import ownership
from wherry.errors import Invalid

ACCESS: Final = ("rw", "ro")
LABELS: Final = ("z", "Z")
PROPAGATION: Final = ("private", "rprivate", "slave", "rslave", "shared", "rshared")
COPY: Final = ("nocopy", "copy")
CONSISTENCY: Final = ("consistent", "cached", "delegated")
_KINDS: Final = (ACCESS, LABELS, PROPAGATION, COPY, CONSISTENCY)


def split_bind(text: str) -> tuple[str, str, list[str]]:
    """Source ("" for none), target and the words of the mode. Raises Invalid."""
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not parts[0] or (len(parts) == 2 and is_mode(parts[1])):
        raise Invalid(f"invalid volume specification: '{text}'", hint="write source:target[:mode]")
    if len(parts) == 1:
        return "", parts[0], []
    mode = parts[2] if len(parts) == 3 else ""
    if mode and not is_mode(mode):
        raise Invalid(f"invalid mode: {mode}")
    return parts[0], parts[1], mode.split(",") if mode else []


def is_mode(text: str) -> bool:
    """Whether it is words of a mode, at most one of each kind."""
    used = [_kind(word) for word in text.split(",")]
    return None not in used and len(set(used)) == len(used)


def _kind(word: str) -> tuple[str, ...] | None:
    if ownership.is_word(word):
        return (ownership.WORD,)
    return next((kind for kind in _KINDS if word in kind), None)


def clean_target(target: str) -> str:
    """The target without ".", ".." and doubled slashes. Raises Invalid where nothing can mount."""
    if not target.startswith("/"):
        raise Invalid(f"invalid mount path: '{target}' mount path must be absolute")
    if "\0" in target:
        raise Invalid("invalid mount path: it contains a NUL byte")
    # normpath keeps a second leading slash, which POSIX lets mean something else
    clean = "/" + posixpath.normpath(target).lstrip("/")
    if clean == "/":
        raise Invalid("invalid specification: destination can't be '/'")
    return clean
