"""A launcher for those tests that need a plan which the engine would never make."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.root.runtime.driver import BUSYBOX, Driver


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    if os.geteuid():
        pytest.skip("needs root")
    if not os.path.exists(BUSYBOX):
        pytest.skip("needs /bin/busybox (package busybox-static)")
    driver = Driver(tmp_path)
    yield driver
    driver.close()
