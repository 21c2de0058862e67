"""Comparing what two engines gave for a case, and the differences that are meant (allowed.yaml)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.clients.cases import Case, Result, Step

ALLOWED = Path(__file__).parent / "allowed.yaml"


@dataclass(frozen=True, slots=True)
class Allowed:
    """One row of the table: a difference and the reason for it."""

    because: str
    case: str | None = None
    step: int | None = None
    stdout: str | None = None
    exit: int | None = None
    path: str | None = None


def load() -> list[Allowed]:
    """The table of allowed differences."""
    return [Allowed(**row) for row in yaml.safe_load(ALLOWED.read_text())]


def between(case: Case, theirs: list[Result], ours: list[Result], allowed: list[Allowed]) -> str:
    """Every difference that no row allows, for a person to read; empty when there is none."""
    found = []
    for number, (step, their, our) in enumerate(zip(case.steps, theirs, ours, strict=True), 1):
        rows = [row for row in allowed if row.case == case.name and row.step == number]
        lines = list(_step_differences(step, their, our, rows, allowed))
        if lines:
            found.append(f"step {number}: {step.run}\n" + "\n".join(lines))
    return "\n".join(found)


def _step_differences(
    step: Step, their: Result, our: Result, rows: list[Allowed], allowed: list[Allowed]
) -> Iterator[str]:
    exits = [row.exit for row in rows if row.exit is not None]
    if their.exit != step.exit:
        yield f"  the reference exits with {their.exit}, the case says {step.exit}: {their.errors}"
    if our.exit not in (exits or [step.exit]):
        yield f"  exits with {our.exit}, not {step.exit}; stderr: {our.errors}"
    yield from _stderr_differences(step, their, our)
    texts = [row.stdout for row in rows if row.stdout is not None]
    yield from _stdout_differences(step, their, our, texts, allowed)


def _stderr_differences(step: Step, their: Result, our: Result) -> Iterator[str]:
    if step.stderr is None:
        if their.errors != our.errors:
            yield f"  stderr theirs: {their.errors!r}\n  stderr ours:   {our.errors!r}"
        return
    for word in step.stderr:
        for whose, result in (("theirs", their), ("ours", our)):
            if word.lower() not in result.errors.lower():
                yield f"  no {word!r} in stderr, {whose}: {result.errors!r}"


def _stdout_differences(
    step: Step, their: Result, our: Result, texts: list[str], allowed: list[Allowed]
) -> Iterator[str]:
    try:
        theirs, ours = their.compared(step.compare), our.compared(step.compare)
    except ValueError as error:
        yield f"  {error}: theirs {their.stdout!r}, ours {our.stdout!r}"
        return
    if isinstance(theirs, dict):
        yield from _document_differences(theirs, ours, allowed)
    elif theirs != ours and ours not in texts:
        yield f"  stdout theirs: {theirs!r}\n  stdout ours:   {ours!r}"


def _document_differences(
    theirs: dict[str, Any], ours: dict[str, Any], allowed: list[Allowed]
) -> Iterator[str]:
    patterns = [re.compile(row.path) for row in allowed if row.path is not None]
    missing = object()
    for path in sorted(theirs.keys() | ours.keys()):
        if theirs.get(path, missing) == ours.get(path, missing):
            continue
        if any(pattern.fullmatch(path) for pattern in patterns):
            continue
        yield f"  {path}: theirs {theirs.get(path, '-')!r}, ours {ours.get(path, '-')!r}"
