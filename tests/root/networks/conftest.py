"""A laboratory for each test; needs root and nft."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.root.networks.lab import Lab, laboratory


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Namespaces that vanish with the test."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if shutil.which("nft") is None:
        pytest.skip("nft (Debian: nftables) is not installed")
    with laboratory() as made:
        yield made
