"""Blobs from the content store to a registry: only what it lacks, mounted where possible, resumed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, BinaryIO

from wherry.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.registry.fetch import Watcher
    from wherry.registry.session import Session
    from wherry.spec.image import Descriptor


class Outcome(Enum):
    """How a blob got into the repository."""

    EXISTED = "exists"
    MOUNTED = "mounted"
    PUSHED = "pushed"
    FOREIGN = "foreign"
    """A foreign (non-distributable) layer: its bytes are not sent."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of one blob; `source` is the repository that it was mounted from."""

    outcome: Outcome
    source: str = ""


def push_blob(
    session: Session,
    repository: str,
    descriptor: Descriptor,
    open_blob: Callable[[], BinaryIO],
    watcher: Watcher,
    *,
    sources: Sequence[str] = (),
) -> Pushed:
    """Have the blob in the registry's repository; blocks.

    `open_blob` gives the bytes from the beginning, seekable, and is called only when they have to
    be sent. `sources` are repositories of the same registry that may have the blob already.
    Raises what `Session` raises.
    """
    raise Unsupported("not yet")
