"""Engines for the tests that talk to one: started once per worker, on first use."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import images, leaks
from tests.engines import ENGINES, Engine, why_not


@contextmanager
def running(
    kind: str, options: Sequence[str] = (), *, own_network: bool = False
) -> Iterator[Engine]:
    """An engine with the busybox image; ended and searched for leaks when the block ends.

    `options` are further words of the daemon's command line; `own_network`: see `Engine`.
    """
    if reason := why_not(kind):
        pytest.skip(reason)
    # Not pytest's tmp_path: a unix socket's path is limited to 108 bytes (unix(7)).
    root = Path(tempfile.mkdtemp(prefix=f"{kind[0]}-", dir="/tmp"))
    engine = ENGINES[kind](root, options, own_network=own_network)
    before = leaks.Holdings.of(engine)
    engine.start()
    try:
        engine.output("load", stdin=images.busybox_archive())
        engine.output("network", "ls")  # the default networks come with the first need for any
        yield engine
    finally:
        engine.stop()
    left = leaks.Holdings.of(engine).grown_since(before)
    left.pop("files", None)  # images stay on disk, as they should
    left.pop("records", None)
    assert not left, f"{kind} ended and left {left}"
    engine.remove()


@pytest.fixture(scope="session")
def dockerd() -> Iterator[Engine]:
    """The reference engine."""
    with running("dockerd") as engine:
        yield engine


@pytest.fixture(scope="session")
def wherry() -> Iterator[Engine]:
    """Our engine, shared by all tests of one worker: leave it as you found it."""
    with running("wherry") as engine:
        yield engine


@pytest.fixture(scope="session")
def networked_dockerd() -> Iterator[Engine]:
    """The reference with its bridge and its firewall rules, in a network of its own."""
    with running("dockerd", own_network=True) as engine:
        yield engine


@pytest.fixture(scope="session")
def networked_wherry() -> Iterator[Engine]:
    """Our engine in a network of its own."""
    with running("wherry", own_network=True) as engine:
        yield engine


@pytest.fixture(scope="session", params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn: a suite is first proved on the reference."""
    chosen = request.getfixturevalue(request.param)
    assert isinstance(chosen, Engine)
    return chosen


@pytest.fixture
def own_wherry() -> Iterator[Engine]:
    """An engine for one test that kills it."""
    with running("wherry") as engine:
        yield engine


@pytest.fixture
def clean() -> Iterator[Callable[[Engine], None]]:
    """Call with an engine: when the test ends, the engine must hold no more than it does now."""
    stock: list[tuple[Engine, leaks.Holdings]] = []
    yield lambda engine: stock.append((engine, leaks.Holdings.of(engine)))
    for engine, before in stock:
        leaks.assert_nothing_left(engine, before)
