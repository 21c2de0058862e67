"""A keeper with the fake launcher, and a client of it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.root.keeper.harness import Client, Keeper, keeper


@pytest.fixture
def kept() -> Iterator[Keeper]:
    if os.geteuid():
        pytest.skip("needs root")
    with keeper() as running:
        yield running


@pytest.fixture
def client(kept: Keeper) -> Iterator[Client]:
    connected = kept.client()
    yield connected
    connected.close()
