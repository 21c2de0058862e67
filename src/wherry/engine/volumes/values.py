"""Volumes: directories that outlive containers, and the questions about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LOCAL: Final = "local"
"""The one driver there is; its options are those of Docker's."""
ANONYMOUS: Final = "com.docker.volume.anonymous"
"""The label by which Docker knows a volume that nobody named."""


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume. `created` is nanoseconds since the epoch; labels and options as they were given.

    None and {} are told apart because inspect shows what the client sent.
    """

    name: str
    created: int
    labels: Mapping[str, str] | None = None
    options: Mapping[str, str] | None = None
    driver: str = LOCAL

    @property
    def is_anonymous(self) -> bool:
        """Whether it goes with its container."""
        return ANONYMOUS in (self.labels or {})


@dataclass(frozen=True, slots=True)
class VolumeRequest:
    """A volume that is wanted: made when it is not there. An empty name asks for a random one."""

    name: str = ""
    driver: str = ""
    labels: Mapping[str, str] | None = None
    options: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class VolumeFacts:
    """A volume as lists show it: where it is, its size in bytes (-1: not known) and its users."""

    volume: Volume
    mountpoint: str
    size: int = -1
    references: int = -1


@dataclass(frozen=True, slots=True)
class VolumesPruned:
    """Names of the volumes that were removed, and the bytes that came free."""

    names: tuple[str, ...]
    space: int
