"""A launcher for those tests that need a plan which the engine would never make."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.root.runtime.driver import BUSYBOX, Driver


@pytest.fixture
def drivers(tmp_path: Path) -> Iterator[Callable[..., Driver]]:
    """Makes launchers, of which some lack a check (`Driver`'s arguments)."""
    if os.geteuid():
        pytest.skip("needs root")
    if not os.path.exists(BUSYBOX):
        pytest.skip("needs /bin/busybox (package busybox-static)")
    made: list[Driver] = []

    def make(**options: str) -> Driver:
        place = tmp_path / f"driver{len(made)}"
        place.mkdir()
        made.append(Driver(place, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def driver(drivers: Callable[..., Driver]) -> Driver:
    return drivers()
