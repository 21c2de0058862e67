"""Disk use, as a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """`size` in bytes as `du` counts (allocated blocks), and the number of inodes."""

    size: int
    inodes: int

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.size + other.size, self.inodes + other.inodes)
