"""The budgets of the design (docs/architecture.md) as values that a result can be held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.measure import Result


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `limit` times what `beside` takes, or at most `limit` itself when nobody is named.

    `what` is the number that counts: the median, or CPU time.
    """

    limit: float
    beside: str | None = None
    what: str = "median"

    def text(self, unit: str) -> str:
        """How the budget reads in the table."""
        if self.beside is None:
            return f"at most {self.limit:g} {unit}"
        of = "the CPU of " if self.what == "cpu" else ""
        return f"at most {self.limit:g} of {of}{self.beside}"

    def ratio(self, ours: Result, others: Mapping[str, Result]) -> float | None:
        """Our number over what the budget allows; None when it cannot be told."""
        mine = getattr(ours, self.what)
        theirs = 1.0 if self.beside is None else _number(others.get(self.beside), self.what)
        return None if mine is None or not theirs else mine / (theirs * self.limit)


def _number(result: Result | None, what: str) -> float | None:
    return None if result is None else getattr(result, what)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: results by contestant, `wherry` among them, and what is allowed."""

    title: str
    results: Mapping[str, Result]
    budgets: tuple[Budget, ...] = ()
    note: str = ""
    ours: str = "wherry"
