"""The fixtures themselves: an engine runs a container, and taking stock sees what is held."""

from __future__ import annotations

from tests.engines import Engine
from tests.leaks import Holdings, assert_nothing_left


def test_engine_runs_a_container(engine: Engine) -> None:
    assert engine.output("run", "--rm", "busybox", "echo", "hello") == "hello"


def test_stock_taking_sees_a_container_come_and_go(engine: Engine) -> None:
    before = Holdings.of(engine)
    engine.output("run", "-d", "--name", "held", "busybox", "sleep", "1000")
    grown = Holdings.of(engine).grown_since(before)
    engine.output("rm", "-f", "held")
    assert {"mounts", "cgroups", "namespaces", "processes", "files"} <= set(grown)
    assert grown["processes"]["sleep"] == 1
    assert_nothing_left(engine, before)
