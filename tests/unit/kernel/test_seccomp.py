"""The seccomp compiler: its programs are run by an emulator and held against expectations."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.kernel import libseccomp
from tests.unit.kernel.seccomp_emulator import (
    AUDIT_AARCH64,
    AUDIT_ARM,
    AUDIT_I386,
    AUDIT_X86_64,
    run,
)
from wherry.kernel import seccomp
from wherry.kernel.syscalls import table
from wherry.spec import seccomp as profiles

ALLOW, ERRNO, KILL = 0x7FFF0000, 0x00050000, 0
EPERM, ENOSYS = ERRNO | 1, ERRNO | 38
DOCKER_ARCHITECTURES = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
X86_64 = table.numbers("x86_64")


def rule(names: str, action: str = "ALLOW", **more: Any) -> dict[str, Any]:
    return {"names": names.split(), "action": f"SCMP_ACT_{action}", **more}


def arg(index: int, op: str, value: int, two: int = 0) -> dict[str, Any]:
    return {"index": index, "op": f"SCMP_CMP_{op}", "value": value, "valueTwo": two}


def profile(*rules: dict[str, Any], default: str = "ERRNO", **more: Any) -> dict[str, Any]:
    return {"defaultAction": f"SCMP_ACT_{default}", "syscalls": list(rules), **more}


def compile(*rules: dict[str, Any], **more: Any) -> bytes:
    return seccomp.compile(profile(*rules, **more), "x86_64")


def docker(*caps: str) -> dict[str, Any]:
    return profiles.resolve(profiles.default_profile(), caps, "x86_64", (6, 18))


def answer(program: bytes, name: str, *args: int) -> int:
    return run(program, AUDIT_X86_64, X86_64[name], args)


def test_listed_calls_are_allowed_and_others_refused() -> None:
    program = compile(rule("read write mseal"))
    assert answer(program, "read") == ALLOW
    assert answer(program, "open") == EPERM


def test_calls_newer_than_the_profile_do_not_exist() -> None:
    program = compile(rule("read openat2"))
    assert answer(program, "openat") == EPERM
    assert answer(program, "mseal") == ENOSYS
    assert run(program, AUDIT_X86_64, 100000) == ENOSYS


@pytest.mark.parametrize("default", ["ALLOW", "LOG", "TRACE", "NOTIFY"])
def test_a_lenient_default_holds_for_newer_calls_too(default: str) -> None:
    program = compile(rule("read", "ERRNO"), default=default)
    assert answer(program, "mseal") == answer(program, "open") != ENOSYS


def test_a_profile_without_calls_is_its_default() -> None:
    assert answer(compile(default="KILL_PROCESS"), "mseal") == 0x80000000


@pytest.mark.parametrize(
    ("action", "value", "number"),
    [
        ("KILL", None, 0),
        ("KILL_THREAD", None, 0),
        ("KILL_PROCESS", None, 0x80000000),
        ("TRAP", None, 0x00030000),
        ("ERRNO", None, EPERM),
        ("ERRNO", 13, ERRNO | 13),
        ("ERRNO", 0, ERRNO),
        ("TRACE", 7, 0x7FF00007),
        ("LOG", None, 0x7FFC0000),
        ("NOTIFY", None, 0x7FC00000),
    ],
)
def test_actions(action: str, value: int | None, number: int) -> None:
    program = compile(rule("read", action, errnoRet=value), default="ALLOW")
    assert answer(program, "read") == number
    assert answer(program, "write") == ALLOW


BIG = 0x1_0000_0005


@pytest.mark.parametrize(
    ("op", "value", "two", "fits", "fails"),
    [
        ("EQ", 5, 0, [5], [4, 6, BIG]),
        ("EQ", BIG, 0, [BIG], [5, BIG + 1, BIG + 2**32]),
        ("NE", 5, 0, [4, BIG], [5]),
        ("LT", BIG, 0, [0, 5, BIG - 1], [BIG, BIG + 1, 2**63]),
        ("LE", BIG, 0, [BIG, 2**32 - 1], [BIG + 1, 2**33]),
        ("GT", BIG, 0, [BIG + 1, 2**33], [BIG, 5, 6]),
        ("GE", BIG, 0, [BIG, 2**64 - 1], [BIG - 1, 5, 6]),
        ("MASKED_EQ", 0xF0, 0x10, [0x10, 0x1F, 0xF0000000F10 & ~0xF00], [0x20, 0x11F & ~0x10]),
        ("MASKED_EQ", 2**40, 2**40, [2**40, 2**40 + 3], [0, 2**41]),
        ("MASKED_EQ", 2114060288, 0, [0, 17], [0x10000000, 0x7E020000]),
    ],
)
def test_comparisons(op: str, value: int, two: int, fits: list[int], fails: list[int]) -> None:
    program = compile(rule("socket", args=[arg(2, op, value, two)]), rule("mseal"))
    for number in fits:
        assert answer(program, "socket", 99, 99, number) == ALLOW, number
    for number in fails:
        assert answer(program, "socket", 99, 99, number) == EPERM, number


def test_conditions_of_one_rule_must_all_hold() -> None:
    program = compile(rule("socket mseal", args=[arg(0, "EQ", 1), arg(1, "GE", 2)]))
    assert answer(program, "socket", 1, 2) == ALLOW
    assert answer(program, "socket", 1, 1) == EPERM
    assert answer(program, "socket", 0, 2) == EPERM


def test_conditions_on_one_argument_are_alternatives() -> None:
    program = compile(rule("socket mseal", args=[arg(0, "EQ", 1), arg(0, "EQ", 3)]))
    assert [answer(program, "socket", n) for n in range(4)] == [EPERM, ALLOW, EPERM, ALLOW]


def test_rules_for_one_call_are_alternatives() -> None:
    program = compile(
        rule("personality", args=[arg(0, "EQ", 0)]),
        rule("personality", "ERRNO", errnoRet=13, args=[arg(0, "EQ", 8)]),
        rule("mseal"),
    )
    found = [answer(program, "personality", n) for n in (0, 8, 9)]
    assert found == [ALLOW, ERRNO | 13, EPERM]


def test_an_unconditional_rule_beats_conditional_ones() -> None:
    program = compile(rule("socket mseal", args=[arg(0, "EQ", 1)]), rule("socket"))
    assert answer(program, "socket", 7) == ALLOW


def test_foreign_architectures_are_killed() -> None:
    program = compile(rule("read"))
    assert run(program, AUDIT_I386, 3) == KILL
    assert run(program, AUDIT_X86_64, 0x40000000) == KILL
    assert run(program, AUDIT_X86_64, 0xFFFFFFFF) == EPERM


def test_listed_architectures_have_their_own_numbers() -> None:
    program = compile(rule("read ioctl mseal"), architectures=DOCKER_ARCHITECTURES)
    assert run(program, AUDIT_I386, 3) == ALLOW
    assert run(program, AUDIT_I386, 0) == EPERM
    assert run(program, AUDIT_X86_64, 0x40000000 + 514) == ALLOW
    assert run(program, AUDIT_X86_64, 0x40000000 + 16) == EPERM


def test_32_bit_architectures_compare_the_low_half() -> None:
    program = compile(
        rule("personality mseal", args=[arg(0, "EQ", 8)]), architectures=DOCKER_ARCHITECTURES
    )
    assert run(program, AUDIT_I386, 136, (8,)) == ALLOW
    assert run(program, AUDIT_X86_64, 0x40000000 + 135, (2**32 + 8,)) == ALLOW
    assert run(program, AUDIT_X86_64, 135, (2**32 + 8,)) == EPERM


def test_i386_sockets_behind_socketcall() -> None:
    program = compile(rule("socket shmat mseal"), architectures=["SCMP_ARCH_X86"])
    assert run(program, AUDIT_I386, 102, (1,)) == ALLOW
    assert run(program, AUDIT_I386, 102, (2,)) == EPERM
    assert run(program, AUDIT_I386, 117, (21,)) == ALLOW
    assert run(program, AUDIT_I386, 359) == ALLOW


def test_arm() -> None:
    given = profile(rule("openat mseal"), architectures=["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"])
    program = seccomp.compile(given, "aarch64")
    assert run(program, AUDIT_AARCH64, 56) == ALLOW
    assert run(program, AUDIT_ARM, 322) == ALLOW
    assert run(program, AUDIT_X86_64, 257) == KILL


def test_unknown_names_of_calls_and_architectures_are_passed_over() -> None:
    program = compile(rule("no_such_call read mseal"), architectures=["SCMP_ARCH_MIPS64"])
    assert answer(program, "read") == ALLOW


@pytest.mark.parametrize(
    "wrong",
    [
        rule("read", "MAYBE"),
        rule("read", args=[arg(0, "LIKE", 1)]),
        rule("read", args=[arg(6, "EQ", 1)]),
    ],
)
def test_unknown_words_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="seccomp"):
        compile(wrong)


def test_too_long_a_program_is_refused() -> None:
    rules = [rule("read", args=[arg(n % 6, "EQ", n + 2**40)]) for n in range(1500)]
    with pytest.raises(ValueError, match="4096 at most"):
        compile(*rules)


def test_flags() -> None:
    assert seccomp.flag_bits({"flags": ["SECCOMP_FILTER_FLAG_LOG"]}) == 2
    assert seccomp.flag_bits({}) == 0
    with pytest.raises(ValueError, match="flag"):
        seccomp.flag_bits({"flags": ["SECCOMP_FILTER_FLAG_MAGIC"]})


def test_every_jump_goes_forwards_and_stays_inside() -> None:
    program = seccomp.compile(docker(), "x86_64")
    code = list(struct.iter_unpack("<HBBI", program))
    for at, (opcode, true, false, value) in enumerate(code):
        distances = [value] if opcode == 0x05 else [true, false] if opcode & 7 == 5 else []
        assert all(at + 1 + distance < len(code) for distance in distances)
    assert code[-1][0] == 0x06


def test_dockers_profile_is_short() -> None:
    """libseccomp makes 1,001 instructions of it; the kernel loads ours several times faster."""
    assert len(seccomp.compile(docker(), "x86_64")) // 8 < 450


ARGUMENTS = [
    (),
    (38,),
    (40,),
    (8,),
    (0x20000,),
    (0x20008,),
    (0xFFFFFFFF,),
    (2**32 + 8,),
    (2**64 - 1,),
    (0x7E020000,),
    (17, 2**33),
]
COMPARED = 440
"""Numbers that are compared; above, we answer ENOSYS where libseccomp does not know the call."""
NEWER = ("uretprobe", "uprobe")
"""Calls with a small number that came to the kernel after Debian 12's libseccomp."""


@pytest.fixture(scope="module")
def library() -> Any:
    if (loaded := libseccomp.library()) is None:
        pytest.skip("libseccomp.so.2 is not installed")
    return loaded


def differences(ours: bytes, theirs: bytes, audit: int, mark: int) -> list[Any]:
    return [
        (number, args, hex(run(ours, audit, mark + number, args)), hex(expected))
        for number in sorted(set(range(COMPARED)) - {X86_64[name] for name in NEWER})
        for args in ARGUMENTS
        if (expected := run(theirs, audit, mark + number, args))
        != run(ours, audit, mark + number, args)
    ]


@pytest.mark.parametrize(
    ("audit", "mark"), [(AUDIT_X86_64, 0), (AUDIT_X86_64, 0x40000000), (AUDIT_I386, 0)]
)
@pytest.mark.parametrize("caps", [(), ("CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_BPF")])
def test_libseccomp_agrees_on_dockers_profile(
    library: Any, audit: int, mark: int, caps: tuple[str, ...]
) -> None:
    given = docker(*caps)
    ours, theirs = seccomp.compile(given, "x86_64"), libseccomp.compile(library, given)
    assert differences(ours, theirs, audit, mark) == []


def test_libseccomp_agrees_on_foreign_architectures(library: Any) -> None:
    given = {**docker(), "architectures": []}
    ours, theirs = seccomp.compile(given, "x86_64"), libseccomp.compile(library, given)
    for audit, number in [(AUDIT_I386, 3), (AUDIT_X86_64, 0x40000001), (AUDIT_X86_64, 2**32 - 1)]:
        assert run(ours, audit, number) == run(theirs, audit, number), (audit, number)


VALUES = st.sampled_from([0, 1, 2, 5, 2**32 - 1, 2**32, 2**32 + 5, 2**63, 2**64 - 1])
CONDITIONS = st.lists(
    st.builds(
        arg,
        st.integers(0, 2),
        st.sampled_from(["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"]),
        VALUES,
        VALUES,
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda condition: condition["index"],
)


@given(CONDITIONS, st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=5, max_size=20))
@settings(deadline=None, max_examples=150)
def test_libseccomp_agrees_on_single_conditional_rules(
    conditions: list[dict[str, Any]], calls: list[tuple[int, int, int]]
) -> None:
    if (loaded := libseccomp.library()) is None:
        pytest.skip("libseccomp.so.2 is not installed")
    given = profile(rule("socket", args=conditions), default="ALLOW")
    given["syscalls"][0]["action"] = "SCMP_ACT_TRAP"
    ours, theirs = seccomp.compile(given, "x86_64"), libseccomp.compile(loaded, given)
    for args in calls:
        assert answer(ours, "socket", *args) == answer(theirs, "socket", *args), args


def test_tables_have_no_number_twice() -> None:
    for name in table.TABLES:
        numbers = table.numbers(name)
        assert len(set(numbers.values())) == len(numbers), name


def test_well_known_numbers() -> None:
    """One call per architecture whose number everybody knows, and the shared new ones."""
    known = [("x86_64", "openat", 257), ("i386", "openat", 295), ("aarch64", "openat", 56)]
    for name, call, number in [*known, ("arm", "openat", 322), ("x32", "ioctl", 514)]:
        assert table.numbers(name)[call] == number
    assert {table.numbers(name)["clone3"] for name in table.TABLES} == {435}


def test_many_random_profiles_mean_what_they_say() -> None:
    chance = random.Random(7)
    for _ in range(20):
        names = chance.sample(sorted(X86_64), 60)
        program = compile(rule(" ".join(names)))
        last = max(X86_64[name] for name in names)
        for name, number in X86_64.items():
            expected = ALLOW if name in names else ENOSYS if number > last else EPERM
            assert answer(program, name) == expected, name
