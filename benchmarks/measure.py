"""Samples, and rounds in which the contestants take turns.

Neighbours on the machine slow everybody down alike only if nobody runs all of its rounds at once,
so each round gives every contestant one sample, in turn. CPU time is read from a cpuacct cgroup
that holds the contestant's daemons, its containers and, while a sample is taken, this process and
its children: whatever is spent on behalf of the sample, by whomever, is in it.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

CPUACCT = Path("/sys/fs/cgroup/cpuacct")


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement, in milliseconds; `cpu` is None where the machine cannot tell."""

    wall: float
    cpu: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """Samples of one contestant, or one amount (`unit` is what it is counted in)."""

    samples: tuple[Sample, ...]
    unit: str = "ms"

    @property
    def median(self) -> float:
        """Median of wall time, or of the amount."""
        return statistics.median(sample.wall for sample in self.samples)

    @property
    def least(self) -> float:
        """Minimum of wall time: near to what an idle machine gives."""
        return min(sample.wall for sample in self.samples)

    @property
    def cpu(self) -> float | None:
        """Median of user and system time."""
        known = [sample.cpu for sample in self.samples if sample.cpu is not None]
        return statistics.median(known) if known else None

    @classmethod
    def amount(cls, value: float, unit: str) -> Result:
        """A result that is one number."""
        return cls((Sample(value, None),), unit)


class Account:
    """The cpuacct cgroups of a contestant; without cpuacct, CPU time stays unknown."""

    def __init__(self, name: str, container_parents: Sequence[str] = ()) -> None:
        self._own = CPUACCT / f"wherry-bench-{name}"
        self._directories = [self._own, *(CPUACCT / p.lstrip("/") for p in container_parents)]
        self.available = (CPUACCT / "cpuacct.usage").exists()
        if self.available:
            self._own.mkdir(exist_ok=True)

    def enter(self) -> None:
        """Have this thread and its future children charged to this account."""
        if self.available:
            (self._own / "tasks").write_text("0")

    def leave(self) -> None:
        """Have this thread charged to nobody."""
        if self.available:
            (CPUACCT / "tasks").write_text("0")

    def spent(self) -> float | None:
        """Milliseconds of CPU time so far."""
        if not self.available:
            return None
        files = [directory / "cpuacct.usage" for directory in self._directories]
        return sum(int(file.read_text()) for file in files if file.exists()) / 1e6

    def close(self) -> None:
        """Remove the cgroup; whoever is left in it moves up first."""
        if not self.available or not self._own.exists():
            return
        for pid in (self._own / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                (CPUACCT / "cgroup.procs").write_text(pid)
        self._own.rmdir()


def sample(account: Account, action: Callable[[], None]) -> Sample:
    """Run an action once."""
    account.enter()
    try:
        cpu = account.spent()
        start = time.perf_counter()
        action()
        wall = (time.perf_counter() - start) * 1e3
        after = account.spent()
    finally:
        account.leave()
    return Sample(wall, None if cpu is None or after is None else after - cpu)


@dataclass(frozen=True, slots=True)
class Turn:
    """One contestant's part of a row: `prepare` before each sample, unmeasured, then `action`."""

    account: Account
    action: Callable[[], None]
    prepare: Callable[[], None] = lambda: None


def rounds(turns: dict[str, Turn], count: int) -> dict[str, Result]:
    """Samples of all contestants, taken in turn; the first round warms up and is not counted."""
    taken: dict[str, list[Sample]] = {name: [] for name in turns}
    for number in range(count + 1):
        for name, turn in _in_order(turns.items(), number):
            turn.prepare()
            one = sample(turn.account, turn.action)
            if number:
                taken[name].append(one)
    return {name: Result(tuple(samples)) for name, samples in taken.items()}


def _in_order(items: Iterable[tuple[str, Turn]], number: int) -> list[tuple[str, Turn]]:
    """Every second round backwards: nobody always comes after the same one."""
    ordered = list(items)
    return ordered if number % 2 else ordered[::-1]
