"""The real docker command line gives the same on Wherry as on dockerd, case by case (cases/).

WHERRY_CANDIDATE=dockerd compares the reference with itself: that is how a new case is proved.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import leaks
from tests.clients import cases, differences
from tests.clients.cases import Case, Result
from tests.conftest import running
from tests.engines import Engine
from tests.registries import DockerRegistry


@pytest.fixture(scope="session")
def candidate(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The engine that is held against the reference."""
    if (kind := os.environ.get("WHERRY_CANDIDATE", "wherry")) == "wherry":
        yield request.getfixturevalue("wherry")
        return
    with running(kind) as engine:
        yield engine


@pytest.fixture(scope="session")
def networked_candidate(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The same in a network of its own."""
    if (kind := os.environ.get("WHERRY_CANDIDATE", "wherry")) == "wherry":
        yield request.getfixturevalue("networked_wherry")
        return
    with running(kind, own_network=True) as engine:
        yield engine


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a docker-registry for all cases of this worker, "" where there is none."""
    if not DockerRegistry.is_installed():
        yield ""
        return
    with DockerRegistry(tmp_path_factory.mktemp("registry")) as made:
        yield made.address


def _play(case: Case, engine: Engine, directory: Path, registry: str) -> list[Result]:
    """Run the case; the engine must come back to what it held before."""
    directory.mkdir()
    before = leaks.Holdings.of(engine)
    try:
        results = cases.play(case, engine, directory, registry)
        if case.leaves_nothing:
            leaks.assert_nothing_left(engine, before)
    finally:
        cases.tidy(engine)
    leaks.assert_nothing_left(engine, before)
    return results


@pytest.mark.parametrize("case", cases.load(), ids=lambda case: case.name)
def test_same_as_docker(
    case: Case, registry: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    prefix = "networked_" if case.networks else ""
    dockerd = request.getfixturevalue(f"{prefix}dockerd")
    candidate = request.getfixturevalue(f"{prefix}candidate")
    if case.needs_registry and not registry:
        pytest.skip("docker-registry (Debian) is not installed")
    with ThreadPoolExecutor(2) as pool:
        theirs = pool.submit(_play, case, dockerd, tmp_path / "theirs", registry)
        ours = pool.submit(_play, case, candidate, tmp_path / "ours", registry)
        # The reference's errors first: a broken case is no fault of the candidate.
        results = theirs.result(), ours.result()
    found = differences.between(case, *results, differences.load())
    assert not found, f"\n{found}"
