"""Which containers use a volume: the role `VolumeUsers`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.engine.containers.record import Container, MountPoint
    from wherry.engine.containers.roster import Roster


class VolumeUsers:
    """Answers from the containers' records."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    def of(self, name: str) -> Sequence[str]:
        """Ids of the containers that name the volume."""
        return [live.id for live in self._roster if _uses(live.record, name)]

    def running(self, name: str) -> bool:
        """Whether one that runs names the volume."""
        return any(live.record.state.running and _uses(live.record, name) for live in self._roster)

    def counts(self) -> Mapping[str, int]:
        """How many containers name each volume; those that none names are left out."""
        found: dict[str, int] = {}
        for live in self._roster:
            for name in {point.name for point in live.record.mounts if point.kind == "volume"}:
                found[name] = found.get(name, 0) + 1
        return found

    def renamed(self, name: str, other: str, directory: str) -> None:
        """Make the containers that name the volume name it otherwise."""
        for live in self._roster:
            if _uses(live.record, name):
                record = live.record
                record.mounts = tuple(
                    _renamed(point, name, other, directory) for point in record.mounts
                )
                self._roster.save(live)


def _uses(record: Container, name: str) -> bool:
    return any(point.kind == "volume" and point.name == name for point in record.mounts)


def _renamed(point: MountPoint, name: str, other: str, directory: str) -> MountPoint:
    if point.kind != "volume" or point.name != name:
        return point
    return replace(point, name=other, source=directory)
