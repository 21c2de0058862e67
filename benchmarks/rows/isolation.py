"""What a wall costs at every start: the same container with and without it, in turns.

The figure is the median of the differences within a round, start to exit status over the API, so
that a noisy neighbour weighs on both.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from benchmarks.budgets import Budget, Row
from benchmarks.contestants import Contestants
from benchmarks.measure import Result, Turn, rounds
from benchmarks.rows.api import Life

Host = Mapping[str, object]

BRIDGE: Host = {"NetworkMode": "bridge"}
SECURITY = "SecurityOpt"
RULES = "landlock=ro:/bin,rw:/tmp,ro:/proc,ro:/etc,connect:443"
WALLS: tuple[tuple[str, Host, Host, tuple[Budget, ...]], ...] = (
    ("seccomp", {SECURITY: ["seccomp=unconfined"]}, {}, (Budget(1),)),
    ("user namespace", {}, {"UsernsMode": "auto"}, (Budget(2),)),
    ("user namespace on a bridge", BRIDGE, {**BRIDGE, "UsernsMode": "auto"}, (Budget(2),)),
    ("landlock, four paths and a port", {}, {SECURITY: [RULES]}, ()),
)
"""Name, host configuration without and with it, budget in milliseconds."""


def costs(contestants: Contestants, count: int) -> list[Row]:
    """A row for each wall."""
    return [_cost(contestants, 4 * count, *wall) for wall in WALLS]


def _cost(
    contestants: Contestants,
    count: int,
    name: str,
    without: Host,
    within: Host,
    budgets: tuple[Budget, ...],
) -> Row:
    engine, account = contestants.engines["wherry"], contestants.accounts["wherry"]
    turns = {}
    for kind, host in (("without", without), ("with", within)):
        life = Life(engine.connect(), host=host)
        turns[kind] = Turn(account, life.start_to_end, life.renew)
    results = rounds(turns, count)
    pairs = zip(results["with"].samples, results["without"].samples, strict=True)
    cost = statistics.median(a.wall - b.wall for a, b in pairs)
    title = f"{name}: what it adds from start to exit status"
    note = f"without it {results['without'].median:.2f} ms"
    return Row(title, {"wherry": Result.amount(cost, "ms")}, budgets, note)
