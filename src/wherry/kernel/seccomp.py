"""seccomp(2): OCI's `linux.seccomp` compiled to classic BPF, and loading it.

The meaning is libseccomp's as runc uses it, so that a profile does here what it does there:
- an unconditional rule for a call beats its conditional ones; several conditional ones are tried
  in the order given; where none fits, the default action holds;
- conditions of one rule must all hold, unless two of them look at the same argument: then each
  condition is a rule of its own (runc's reading of old profiles);
- names that an architecture lacks, and rules that say the default, are passed over;
- 64 bit architectures compare whole arguments, 32 bit ones (x32 too) the low half;
- a call of an architecture that is not listed kills the thread;
- a call newer than every one that the profile names gets ENOSYS where the default would refuse it,
  so that C libraries fall back instead of failing (runc does the same since 1.0).

Sources: seccomp(2), seccomp_rule_add(3), runtime-spec config-linux.md "Seccomp".
"""

from __future__ import annotations

import ctypes
import os

from wherry.kernel import libc, seccomp_program
from wherry.kernel.syscalls import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from wherry.kernel.seccomp_program import Condition, Leaf, Rule

SET_MODE_FILTER = 1
KILL_THREAD = 0x00000000
ALLOW = 0x7FFF0000
EPERM, ENOSYS = 1, 38
ERRNO = 0x00050000

ACTIONS = {
    "SCMP_ACT_KILL": KILL_THREAD,
    "SCMP_ACT_KILL_THREAD": KILL_THREAD,
    "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": ERRNO,
    "SCMP_ACT_NOTIFY": 0x7FC00000,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": ALLOW,
}
WITH_VALUE = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
LENIENT = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_NOTIFY")

FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": 1,
    "SECCOMP_FILTER_FLAG_LOG": 2,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4,
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": 32,
}
NEW_LISTENER = 8

X32_MARK = 0x40000000
NO_CALL = 0xFFFFFFFF
"""What a tracer writes over the number of a call that it wants skipped: no x32 call."""


class Architecture:
    """One of OCI's architectures: its audit number, its table, the size of its arguments."""

    __slots__ = ("audit", "bits", "mark", "table")

    def __init__(self, audit: int, table: str, bits: int, mark: int = 0) -> None:
        """`mark` is added to every number of the table."""
        self.audit = audit
        self.table = table
        self.bits = bits
        self.mark = mark


ARCHITECTURES = {
    "SCMP_ARCH_X86_64": Architecture(0xC000003E, "x86_64", 64),
    "SCMP_ARCH_X86": Architecture(0x40000003, "i386", 32),
    "SCMP_ARCH_X32": Architecture(0xC000003E, "x32", 32, X32_MARK),
    "SCMP_ARCH_AARCH64": Architecture(0xC00000B7, "aarch64", 64),
    "SCMP_ARCH_ARM": Architecture(0x40000028, "arm", 32),
}
NATIVE = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}


def load(program: bytes, flags: int = 0) -> int:
    """Put the calling thread under `program` for good; needs no_new_privs or CAP_SYS_ADMIN.

    Returns 0, or the descriptor of the listener where `flags` has NEW_LISTENER. Raises OSError:
    EACCES without the right, EINVAL for a bad program or flag, ENOMEM above 4096 instructions.
    """
    code = ctypes.create_string_buffer(program, len(program))
    fprog = _Program(len(program) // 8, ctypes.addressof(code))
    return libc.call("seccomp", SET_MODE_FILTER, flags, ctypes.addressof(fprog))


class _Program(ctypes.Structure):
    """struct sock_fprog of <linux/filter.h>."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def flag_bits(seccomp: dict[str, Any]) -> int:
    """The `flags` of the profile for `load`; ValueError for one that we do not know."""
    bits = 0
    for flag in seccomp.get("flags") or ():
        if flag not in FLAGS:
            raise ValueError(f"seccomp flag {flag!r} is not known")
        bits |= FLAGS[flag]
    return bits


def compile(seccomp: dict[str, Any], arch: str = "") -> bytes:
    """`linux.seccomp` as an array of struct sock_filter.

    `arch` is the machine's (uname -m), this machine's if empty; it is filtered even when the
    profile does not list it. Architectures that we have no table for cannot run here, and are
    passed over. Raises ValueError for an unknown action or operator, and above 4096 instructions.
    """
    default = action(seccomp["defaultAction"], seccomp.get("defaultErrnoRet"))
    native = NATIVE[arch or os.uname().machine]
    names = [native, *(name for name in seccomp.get("architectures") or () if name != native)]
    rows = [ARCHITECTURES[name] for name in dict.fromkeys(names) if name in ARCHITECTURES]
    trees: dict[int, list[tuple[int, Leaf]]] = {}
    for row in rows:
        leaves, last = _leaves(seccomp, row, default)
        beyond = _beyond(seccomp, default)
        trees.setdefault(row.audit, []).extend(_ranges(leaves, default, row.mark, last, beyond))
    for audit, ranges in trees.items():
        if audit == ARCHITECTURES["SCMP_ARCH_X86_64"].audit:
            _close_x32(ranges, default, X32_MARK in [row.mark for row in rows])
    return seccomp_program.assemble(list(trees.items()), default, KILL_THREAD)


def action(name: str, value: int | None) -> int:
    """The kernel's number of an OCI action; `value` is its errno, EPERM if None."""
    if name not in ACTIONS:
        raise ValueError(f"seccomp action {name!r} is not known")
    if name in WITH_VALUE:
        return ACTIONS[name] | (EPERM if value is None else value & 0xFFFF)
    return ACTIONS[name]


def _beyond(seccomp: dict[str, Any], default: int) -> int:
    """The action for calls that are newer than the profile."""
    return default if seccomp["defaultAction"] in LENIENT else ERRNO | ENOSYS


def _leaves(
    seccomp: dict[str, Any], row: Architecture, default: int
) -> tuple[dict[int, Leaf], int]:
    """What to do for each number that the profile names, and the last of them (-1: none)."""
    numbers = table.numbers(row.table)
    hidden = table.multiplexed() if row.table == "i386" else {}
    found: dict[int, list[Rule]] = {}
    last = -1
    for entry in seccomp.get("syscalls") or ():
        known = [numbers[name] for name in entry["names"] if name in numbers]
        last = max([last, *known])
        chosen = action(entry["action"], entry.get("errnoRet"))
        if chosen == default:
            continue
        rules = [(conditions, chosen) for conditions in _alternatives(entry.get("args") or ())]
        for number in known:
            found.setdefault(number, []).extend(rules)
        if not entry.get("args"):
            _add_multiplexed(found, numbers, hidden, entry["names"], chosen)
    return {number: _settle(rules) for number, rules in found.items()}, last


def _alternatives(args: Iterable[dict[str, Any]]) -> Iterator[tuple[Condition, ...]]:
    conditions = tuple(
        seccomp_program.condition(a["index"], a["op"], a["value"], a.get("valueTwo") or 0)
        for a in args
    )
    indexes = [condition[0] for condition in conditions]
    if len(set(indexes)) == len(indexes):
        yield conditions
    else:
        yield from ((condition,) for condition in conditions)


def _add_multiplexed(
    found: dict[int, list[Rule]],
    numbers: dict[str, int],
    hidden: dict[str, tuple[str, int]],
    names: list[str],
    chosen: int,
) -> None:
    """A rule for socket(2) means socketcall(SYS_SOCKET) as well.

    Conditions cannot be carried over: the arguments lie in memory, where a filter cannot look.
    """
    for name in hidden.keys() & set(names):
        call, first = hidden[name]
        condition = seccomp_program.condition(0, "SCMP_CMP_EQ", first, 0)
        found.setdefault(numbers[call], []).append(((condition,), chosen))


def _settle(rules: list[Rule]) -> Leaf:
    """One action where a rule is unconditional, else the rules in their order."""
    for conditions, chosen in rules:
        if not conditions:
            return chosen
    return tuple(dict.fromkeys(rules))


def _ranges(
    leaves: dict[int, Leaf], default: int, mark: int, last: int, beyond: int
) -> list[tuple[int, Leaf]]:
    """(first number, what to do from there on), with equal neighbours merged."""
    ranges: list[tuple[int, Leaf]] = [(mark, default)]
    following = 0
    for number in sorted(leaves):
        if number > following:
            _extend(ranges, mark + following, default)
        _extend(ranges, mark + number, leaves[number])
        following = number + 1
    if following <= last:
        _extend(ranges, mark + following, default)
    _extend(ranges, mark + last + 1, default if last < 0 else beyond)
    return ranges


def _extend(ranges: list[tuple[int, Leaf]], start: int, leaf: Leaf) -> None:
    if ranges[-1][0] == start:
        ranges.pop()
    if not ranges or ranges[-1][1] != leaf:
        ranges.append((start, leaf))


def _close_x32(ranges: list[tuple[int, Leaf]], default: int, listed: bool) -> None:
    """x86-64 and x32 share an audit number: x32 numbers are refused unless x32 is listed."""
    if not listed:
        _extend(ranges, X32_MARK, KILL_THREAD)
    _extend(ranges, NO_CALL, default)
