"""Text in columns, aligned as Go's text/tabwriter does it for docker's tables."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_LEAST_WIDTH = 10
_PADDING = 3


def align(lines: Iterable[str], least: int = _LEAST_WIDTH, padding: int = _PADDING) -> str:
    """Lines whose cells are split by tabs, as text with every column as wide as it needs.

    A column is a run of neighbouring lines that have a tab-ended cell there; a line's last cell
    belongs to no column, so that it is never padded.
    """
    rows = [line.split("\t") for line in lines]
    widths = [[0] * (len(row) - 1) for row in rows]
    for column in range(max((len(row) for row in widths), default=0)):
        _measure(rows, widths, column, least, padding)
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(row, sizes, strict=False)) + row[-1] + "\n"
        for row, sizes in zip(rows, widths, strict=True)
    )


def _measure(
    rows: list[list[str]], widths: list[list[int]], column: int, least: int, padding: int
) -> None:
    start = 0
    while start < len(rows):
        end = start
        while end < len(rows) and len(widths[end]) > column:
            end += 1
        if end > start:
            widest = max(len(rows[line][column]) for line in range(start, end))
            for line in range(start, end):
                widths[line][column] = max(widest + padding, least)
        start = max(end, start + 1)
