"""Rows of `stats`: one set of figures of 100 running containers."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.budgets import Budget, Row
from benchmarks.contestants import Contestants
from benchmarks.measure import Turn, rounds
from benchmarks.rows.clients import NO_NETWORK, command, our_client, remove_all
from tests.engines import Engine

CONTAINERS = 100


def hundred(contestants: Contestants, count: int) -> list[Row]:
    """One reading of each over one API connection, then `stats --no-stream` of all."""
    for engine in contestants.engines.values():
        remove_all(engine)
        for _ in range(CONTAINERS):
            engine.output("run", "-d", NO_NETWORK, "busybox", "sleep", "10000")
    try:
        return [_readings(contestants, count), _command_lines(contestants, max(2, count // 6))]
    finally:
        for engine in contestants.engines.values():
            remove_all(engine)


def _readings(contestants: Contestants, count: int) -> Row:
    """Ours alone: dockerd 20.10 answers each only with its collector's next round, a second on."""
    turns = {
        kind: Turn(contestants.accounts[kind], _read_all(engine))
        for kind, engine in contestants.engines.items()
        if kind == "wherry"
    }
    title = f"stats of {CONTAINERS} containers, one reading each over one API connection"
    return Row(title, rounds(turns, count))


def _read_all(engine: Engine) -> Callable[[], None]:
    api = engine.connect()
    ids = [each["Id"] for each in api.request("GET", "/containers/json").json()]
    assert len(ids) == CONTAINERS, ids

    def read() -> None:
        for id in ids:
            answer = api.request("GET", f"/containers/{id}/stats?stream=0&one-shot=1")
            assert answer.status == 200, answer

    return read


def _command_lines(contestants: Contestants, count: int) -> Row:
    words = ["stats", "--no-stream"]
    turns = {
        kind: Turn(contestants.accounts[kind], command(engine, ["docker", *words]))
        for kind, engine in contestants.engines.items()
    }
    if wherry := contestants.engines.get("wherry"):
        own = command(wherry, [*our_client(), *words])
        turns["wherry stats"] = Turn(contestants.accounts["wherry"], own)
    note = "docker's clients wait a second between two samples, ours a fifth"
    title = f"stats --no-stream of {CONTAINERS} containers"
    return Row(title, rounds(turns, count), (Budget(0.2, "dockerd"),), note, ours="wherry stats")
