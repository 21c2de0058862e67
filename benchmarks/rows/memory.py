"""Memory of an idle engine, and of each further idle container."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.budgets import Budget, Row
from benchmarks.contestants import Contestants
from benchmarks.measure import Result
from benchmarks.rows.clients import remove_all
from tests import processes
from tests.engines import Engine

CONTAINERS = 20
MB = 1e6


def idle(contestants: Contestants, count: int) -> list[Row]:
    """Resident and proportional set size of all processes of an engine without containers."""
    resident, proportional = {}, {}
    for kind, engine in contestants.engines.items():
        remove_all(engine)
        members = _own_processes(engine)
        rss, pss = map(_total, (processes.resident_set_size, processes.proportional_set_size))
        resident[kind] = Result.amount(rss(members) / MB, "MB")
        proportional[kind] = Result.amount(pss(members) / MB, "MB")
    return [
        Row("idle engine, resident", resident, (Budget(55),)),
        Row("idle engine, proportional set size", proportional),
    ]


def further_container(contestants: Contestants, count: int) -> list[Row]:
    """Growth of an engine's own processes by each idle container."""
    resident, proportional = {}, {}
    for kind, engine in contestants.engines.items():
        rss, pss = map(_total, (processes.resident_set_size, processes.proportional_set_size))
        _start_idle(engine, 2)  # what the first ones load is no cost of a further one
        before = _own_processes(engine)
        first = rss(before), pss(before)
        _start_idle(engine, CONTAINERS)
        after = _own_processes(engine)
        resident[kind] = Result.amount((rss(after) - first[0]) / CONTAINERS / MB, "MB")
        proportional[kind] = Result.amount((pss(after) - first[1]) / CONTAINERS / MB, "MB")
        remove_all(engine)
    return [
        Row("each further idle container, resident", resident, (Budget(0.3),)),
        Row("each further idle container, proportional set size", proportional),
    ]


def _start_idle(engine: Engine, count: int) -> None:
    for _ in range(count):
        engine.output("run", "-d", "--network=none", "busybox", "sleep", "10000")


def _own_processes(engine: Engine) -> list[int]:
    """The engine's processes without those of containers."""
    members = processes.of(engine.root, engine.cgroup_parent)
    return [pid for pid, name in members.items() if name != "sleep"]


def _total(size: Callable[[int], int]) -> Callable[[list[int]], int]:
    return lambda members: sum(size(pid) for pid in members)
