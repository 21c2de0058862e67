"""Classic BPF for seccomp: a binary tree of number ranges per architecture, with shared ends.

The program is put together from its end backwards. Every jump goes forwards, so that the target of
a jump is there already when the jump is made, and its distance is known; an end (return) or a whole
block that was made before is jumped to again if it is within the 255 instructions that a
conditional jump reaches. The kernel runs the filter for each call, so a tree of depth log2(ranges)
matters; and it loads faster the shorter it is (feasibility measurements, section 6).

Sources: Linux Documentation/userspace-api/seccomp_filter.rst, networking/filter.rst, struct
seccomp_data in <linux/seccomp.h>.
"""

from __future__ import annotations

import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    Condition = tuple[int, str, int, int]
    Rule = tuple[tuple[Condition, ...], int]
    Leaf = int | tuple[Rule, ...]

LOAD, AND, RETURN = 0x20, 0x54, 0x06
JUMP, JUMP_EQUAL, JUMP_GREATER, JUMP_GREATER_EQUAL = 0x05, 0x15, 0x25, 0x35
NUMBER_OFFSET, AUDIT_OFFSET, ARGUMENTS_OFFSET = 0, 4, 16
FARTHEST = 255
LONGEST = 4096
LOW = 0xFFFFFFFF
ALL = 0xFFFFFFFFFFFFFFFF
BITS_64 = 0x80000000
"""Bit of the audit architecture that says 64 bit (__AUDIT_ARCH_64BIT)."""
X32_MARK = 0x40000000

OPERATORS = (
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
)
OPPOSITES = {
    "SCMP_CMP_NE": "SCMP_CMP_EQ",
    "SCMP_CMP_LT": "SCMP_CMP_GE",
    "SCMP_CMP_LE": "SCMP_CMP_GT",
}


def condition(index: int, operator: str, value: int, value_two: int) -> Condition:
    """(argument, operator, value, mask); for a masked comparison OCI's `value` is the mask."""
    if operator not in OPERATORS:
        raise ValueError(f"seccomp operator {operator!r} is not known")
    if not 0 <= index <= 5:
        raise ValueError(f"seccomp argument index {index} is not one of 0 to 5")
    if operator == "SCMP_CMP_MASKED_EQ":
        return index, operator, value_two & value, value
    return index, operator, value, 0


def assemble(
    trees: list[tuple[int, list[tuple[int, Leaf]]]], default: int, otherwise: int
) -> bytes:
    """The program for [(audit architecture, ranges)]; other architectures get `otherwise`.

    `default` is the action where no rule of a conditional leaf fits. Ranges are (first number,
    leaf), ascending from 0. Raises ValueError above 4096 instructions.
    """
    writer = _Writer()
    following = writer.end(otherwise)
    for audit, ranges in reversed(trees):
        section = _Section(writer, default, bool(audit & BITS_64))
        start = section.tree(ranges)
        start = writer.put(LOAD, NUMBER_OFFSET, after=start)
        following = writer.branch(JUMP_EQUAL, audit, start, following)
    writer.put(LOAD, AUDIT_OFFSET, after=following)
    return writer.program()


class _Writer:
    """Instructions in reverse; a place is a count from the program's end."""

    __slots__ = ("code", "ends")

    def __init__(self) -> None:
        self.code: list[tuple[int, int, int, int]] = []
        self.ends: dict[int, int] = {}

    def program(self) -> bytes:
        """The finished program, in the machine's byte order."""
        if len(self.code) > LONGEST:
            raise ValueError(f"seccomp filter has {len(self.code)} instructions, {LONGEST} at most")
        pack = struct.Struct("=HBBI").pack
        return b"".join([pack(*row) for row in reversed(self.code)])

    def _add(self, code: int, true: int, false: int, value: int) -> int:
        self.code.append((code, true, false, value))
        return len(self.code) - 1

    def end(self, action: int) -> int:
        """A return of `action`, an earlier one if it can still be reached from nearby."""
        place = self.ends.get(action)
        if place is None or not self.near(place):
            place = self.ends[action] = self._add(RETURN, 0, 0, action)
        return place

    def near(self, place: int) -> bool:
        """Whether a block is so near that sharing it is cheaper than writing it again."""
        return len(self.code) - place <= FARTHEST // 2

    def put(self, code: int, value: int, after: int) -> int:
        """An instruction that goes on at `after`."""
        self._reach_next(after)
        return self._add(code, 0, 0, value)

    def _reach_next(self, place: int) -> None:
        """Make the next instruction continue at `place`, by a jump unless it is right there."""
        if place != len(self.code) - 1:
            self._add(JUMP, 0, 0, len(self.code) - place - 1)

    def branch(self, code: int, value: int, true: int, false: int) -> int:
        """A comparison that goes on at `true` or `false`; far places are reached by a long jump."""
        true = self._near(true)
        false = self._near(false)
        here = len(self.code)
        return self._add(code, here - true - 1, here - false - 1, value)

    def _near(self, place: int) -> int:
        """`place`, or a long jump to it; one instruction may still come in between."""
        distance = len(self.code) - place
        if distance <= FARTHEST - 1:
            return place
        return self._add(JUMP, 0, 0, distance - 1)


class _Section:
    """The tree of one architecture."""

    __slots__ = ("blocks", "default", "wide", "writer")

    def __init__(self, writer: _Writer, default: int, wide: bool) -> None:
        self.writer = writer
        self.default = default
        self.wide = wide
        self.blocks: dict[tuple[Leaf, bool], int] = {}

    def tree(self, ranges: list[tuple[int, Leaf]]) -> int:
        """Halve the ranges by comparisons with the first number of the upper half."""
        if len(ranges) == 1:
            first, leaf = ranges[0]
            return self._leaf(leaf, self.wide and not first & X32_MARK)
        middle = len(ranges) // 2
        upper = self.tree(ranges[middle:])
        lower = self.tree(ranges[:middle])
        return self.writer.branch(JUMP_GREATER_EQUAL, ranges[middle][0], upper, lower)

    def _leaf(self, leaf: Leaf, wide: bool) -> int:
        if isinstance(leaf, int):
            return self.writer.end(leaf)
        place = self.blocks.get((leaf, wide))
        if place is None or not self.writer.near(place):
            place = self.blocks[leaf, wide] = self._rules(leaf, wide)
        return place

    def _rules(self, rules: tuple[Rule, ...], wide: bool) -> int:
        """Try each rule; the default where none fits."""
        place = self.writer.end(self.default)
        for conditions, action in reversed(rules):
            fits, fails = self.writer.end(action), place
            for wanted in reversed(conditions):
                fits = self._compare(wanted, wide, fits, fails)
            place = fits
        return place

    def _compare(self, wanted: Condition, wide: bool, fits: int, fails: int) -> int:
        """One comparison of a 64 bit argument, or of its low half."""
        index, operator, value, mask = wanted
        if operator in OPPOSITES:
            operator, fits, fails = OPPOSITES[operator], fails, fits
        if operator == "SCMP_CMP_EQ":
            mask = ALL
        if operator in ("SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ"):
            place = self._equal(_low(index), value & LOW, mask & LOW, fits, fails)
            return (
                self._equal(_high(index), value >> 32, mask >> 32, place, fails) if wide else place
            )
        code = JUMP_GREATER if operator == "SCMP_CMP_GT" else JUMP_GREATER_EQUAL
        place = self.writer.branch(code, value & LOW, fits, fails)
        place = self.writer.put(LOAD, _low(index), after=place)
        if wide:
            place = self.writer.branch(JUMP_EQUAL, value >> 32, place, fails)
            place = self.writer.branch(JUMP_GREATER, value >> 32, fits, place)
            place = self.writer.put(LOAD, _high(index), after=place)
        return place

    def _equal(self, offset: int, value: int, mask: int, fits: int, fails: int) -> int:
        """Compare one masked half; with an empty mask there is nothing to look at."""
        if not mask:
            return fits
        place = self.writer.branch(JUMP_EQUAL, value, fits, fails)
        if mask != LOW:
            place = self.writer.put(AND, mask, after=place)
        return self.writer.put(LOAD, offset, after=place)


def _low(index: int) -> int:
    return ARGUMENTS_OFFSET + 8 * index + (0 if sys.byteorder == "little" else 4)


def _high(index: int) -> int:
    return ARGUMENTS_OFFSET + 8 * index + (4 if sys.byteorder == "little" else 0)
