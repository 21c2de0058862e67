"""What diff leaves out."""

from __future__ import annotations

from wherry.engine.containers.marks import without_own
from wherry.storage.snapshot import ADDED, DELETED, MODIFIED, Change


def test_the_engine_s_own_paths_are_hidden() -> None:
    changes = [
        Change("/.dockerenv", ADDED),
        Change("/etc", MODIFIED),
        Change("/etc/hosts", ADDED),
        Change("/proc", ADDED),
        Change("/x", ADDED),
    ]
    assert without_own(changes) == [Change("/x", ADDED)]


def test_a_program_s_changes_beside_them_are_shown() -> None:
    changes = [
        Change("/etc", MODIFIED),
        Change("/etc/hosts", ADDED),
        Change("/etc/passwd", MODIFIED),
        Change("/proc", DELETED),
    ]
    assert without_own(changes) == [changes[0], changes[2], changes[3]]
