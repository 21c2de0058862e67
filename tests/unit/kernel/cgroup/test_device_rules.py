"""Device lists, and the BPF program made from one, run by an emulator of the few instructions."""

from __future__ import annotations

import struct
from itertools import product
from typing import Any

import pytest

from wherry.kernel.cgroup import device_rules
from wherry.kernel.cgroup.device_rules import ANY, MKNOD, READ, WRITE, DeviceList
from wherry.kernel.cgroup.v2 import devices

KERNEL_ACCESS = {MKNOD: 1, READ: 2, WRITE: 4}


def rule(allow: bool, text: str) -> dict[str, Any]:
    kind, number, access = text.split()
    major, minor = (ANY if part == "*" else int(part) for part in number.split(":"))
    return {"allow": allow, "type": kind, "major": major, "minor": minor, "access": access}


def run(program: bytes, kind: str, access: int, major: int, minor: int) -> bool:
    """Execute the program as the kernel would for one request."""
    wanted = sum(value for ours, value in KERNEL_ACCESS.items() if access & ours)
    context = struct.pack("<III", wanted << 16 | devices.TYPES[kind], major, minor)
    code = [struct.unpack_from("<BBhi", program, at) for at in range(0, len(program), 8)]
    registers = dict.fromkeys(range(11), 0)
    at = 0
    while True:
        opcode, both, offset, constant = code[at]
        target, source = both & 15, both >> 4
        at += 1
        if opcode == 0x61:
            registers[target] = struct.unpack_from("<I", context, offset)[0]
        elif opcode == 0xBF:
            registers[target] = registers[source]
        elif opcode == 0xB7:
            registers[target] = constant
        elif opcode == 0x57:
            registers[target] &= constant
        elif opcode == 0x77:
            registers[target] >>= constant
        elif opcode == 0x15:
            at += offset if registers[target] == constant else 0
        elif opcode == 0x55:
            at += offset if registers[target] != constant else 0
        else:
            assert opcode == 0x95
            return bool(registers[0])


def allowed(listed: DeviceList, kind: str, access: int, major: int, minor: int) -> bool:
    """What the version 1 kernel answers: security/device_cgroup.c, match_exception."""
    matching = [
        bits
        for (a_kind, a_major, a_minor), bits in listed.exceptions.items()
        if a_kind == kind and a_major in (ANY, major) and a_minor in (ANY, minor)
    ]
    if listed.allow_by_default:
        return not any(bits & access for bits in matching)
    return any(not access & ~bits for bits in matching)


LISTS = {
    "docker": [device_rules.DENY_ALL, *device_rules.STANDARD_RULES],
    "nothing": [device_rules.DENY_ALL],
    "everything": [rule(True, "a *:* rwm")],
    "black list": [rule(False, "b 8:* w"), rule(False, "c 1:1 rwm"), rule(True, "b 8:0 w")],
    "parts": [device_rules.DENY_ALL, rule(True, "c 1:3 r"), rule(True, "c 1:3 w")],
    "taken back": [device_rules.DENY_ALL, rule(True, "c 5:* rwm"), rule(False, "c 5:* w")],
}


@pytest.mark.parametrize("name", LISTS)
def test_program_answers_as_the_list_would(name: str) -> None:
    listed = DeviceList(LISTS[name])
    program = devices.assemble(listed)
    for kind, access, major, minor in product(
        "bc", range(1, 8), (0, 1, 5, 8, 136), (0, 1, 2, 3, 700)
    ):
        expected = allowed(listed, kind, access, major, minor)
        assert run(program, kind, access, major, minor) is expected, (kind, access, major, minor)


def test_both_halves_of_a_right_add_up() -> None:
    assert DeviceList(LISTS["parts"]).exceptions == {("c", 1, 3): READ | WRITE}


def test_a_general_rule_forgets_the_exceptions() -> None:
    listed = DeviceList([rule(False, "b 8:* w"), rule(True, "a *:* rwm")])
    assert listed.allow_by_default
    assert not listed.exceptions


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"allow": False, "access": "rwm"}, "a *:* rwm"),
        ({"allow": True, "type": "c", "major": 10, "minor": 200}, "c 10:200 rwm"),
        ({"allow": True, "type": "b", "major": 8, "minor": -1, "access": "r"}, "b 8:* r"),
    ],
)
def test_text_of_a_rule(given: dict[str, Any], line: str) -> None:
    assert device_rules.line(given) == line
