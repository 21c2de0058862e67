"""Prints rows as a table for people."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping

from benchmarks.budgets import Budget, Row
from benchmarks.measure import Result


def machine() -> str:
    """What the figures were measured on."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"Linux {platform.release()}, {os.cpu_count()} CPUs, load {load}, "
        f"Python {platform.python_version()} ({sys.executable})"
    )


def versions() -> str:
    """Versions of the other tools that are installed."""
    found = []
    for tool in ("docker", "dockerd", "podman", "runc", "crun"):
        try:
            done = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        found.append(f"{tool}: {done.stdout.splitlines()[0]}")
    return "\n".join(found)


def row(found: Row) -> str:
    """One row: a line for each contestant, then its budgets."""
    lines = [found.title + (f"  ({found.note})" if found.note else "")]
    ours = found.results.get(found.ours)
    for name, result in found.results.items():
        lines.append("  " + _result_line(name, result, ours if name != found.ours else None))
    if ours is None:
        lines.append("  MISSING: no result of ours")
    else:
        lines += [f"  {_budget_line(budget, ours, found.results)}" for budget in found.budgets]
    return "\n".join(lines)


def _result_line(name: str, result: Result, ours: Result | None) -> str:
    unit = result.unit
    text = f"{name:<16}{result.median:>10.2f} {unit}"
    if len(result.samples) > 1:
        text += f"   min {result.least:>9.2f}"
    if result.cpu is not None:
        text += f"   cpu {result.cpu:>9.2f}"
    if ours is not None and result.median:
        text += f"   ours is {ours.median / result.median:.2f} of it"
        if ours.cpu is not None and result.cpu:
            text += f", {ours.cpu / result.cpu:.2f} of its cpu"
    return text


def _budget_line(budget: Budget, ours: Result, others: Mapping[str, Result]) -> str:
    ratio = budget.ratio(ours, others)
    if ratio is None:
        return f"budget {budget.text(ours.unit)}: cannot be told, {budget.beside} is missing"
    verdict = "met" if ratio <= 1 else f"NOT met, {ratio:.2f} times as much"
    return f"budget {budget.text(ours.unit)}: {verdict}"


def summary(rows: Iterable[Row]) -> str:
    """How many budgets are met."""
    ratios = [
        budget.ratio(found.results[found.ours], found.results)
        for found in rows
        if found.ours in found.results
        for budget in found.budgets
    ]
    met = sum(1 for ratio in ratios if ratio is not None and ratio <= 1)
    return f"{met} of {len(ratios)} budgets met"
