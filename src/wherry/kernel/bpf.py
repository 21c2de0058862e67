"""bpf(2): assemble and load small extended BPF programs, and attach them to cgroups.

Only what a device filter and a classifier of frames need. Sources: bpf(2), Linux
Documentation/bpf/standardization/instruction-set.rst, include/uapi/linux/bpf.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

PROG_LOAD, PROG_ATTACH, PROG_DETACH, PROG_GET_FD_BY_ID, PROG_QUERY = 5, 8, 9, 13, 16
PROG_TYPE_SCHED_CLS = 3
PROG_TYPE_CGROUP_DEVICE = 15
CGROUP_DEVICE = 6
ALLOW_MULTI = 2
MOST_PROGRAMS = 64
"""The kernel's own bound on programs of one kind at one cgroup (BPF_CGROUP_MAX_PROGS)."""

_SYSCALL = {"x86_64": 321, "aarch64": 280}
_libc = ctypes.PyDLL(None, use_errno=True)


def _instruction(opcode: int, target: int, source: int, offset: int, constant: int) -> bytes:
    return struct.pack("<BBhI", opcode, target | source << 4, offset, constant & 0xFFFFFFFF)


def load_word(target: int, source: int, offset: int) -> bytes:
    """Target = the 32 bit word at source + offset."""
    return _instruction(0x61, target, source, offset, 0)


def load_half(target: int, source: int, offset: int) -> bytes:
    """Target = the 16 bit half word at source + offset."""
    return _instruction(0x69, target, source, offset, 0)


def store_word(target: int, offset: int, constant: int) -> bytes:
    """The 32 bit word at target + offset = constant."""
    return _instruction(0x62, target, 0, offset, constant)


def store_half(target: int, offset: int, constant: int) -> bytes:
    """The 16 bit half word at target + offset = constant."""
    return _instruction(0x6A, target, 0, offset, constant)


def move(target: int, source: int) -> bytes:
    """Target = source."""
    return _instruction(0xBF, target, source, 0, 0)


def move_constant(target: int, constant: int) -> bytes:
    """Target = constant."""
    return _instruction(0xB7, target, 0, 0, constant)


def add_constant(target: int, constant: int) -> bytes:
    """Target += constant."""
    return _instruction(0x07, target, 0, 0, constant)


def and_constant(target: int, constant: int) -> bytes:
    """Target &= constant."""
    return _instruction(0x57, target, 0, 0, constant)


def shift_right(target: int, bits: int) -> bytes:
    """Target >>= bits."""
    return _instruction(0x77, target, 0, 0, bits)


def jump_if_equal(register: int, constant: int, offset: int) -> bytes:
    """Skip `offset` instructions if register == constant."""
    return _instruction(0x15, register, 0, offset, constant)


def jump_unless_equal(register: int, constant: int, offset: int) -> bytes:
    """Skip `offset` instructions if register != constant."""
    return _instruction(0x55, register, 0, offset, constant)


def jump_unless_equal_word(register: int, constant: int, offset: int) -> bytes:
    """Skip `offset` instructions if the register's lower 32 bits != constant."""
    return _instruction(0x56, register, 0, offset, constant)


def jump_if_greater(register: int, other: int, offset: int) -> bytes:
    """Skip `offset` instructions if register > other, as numbers without sign."""
    return _instruction(0x2D, register, other, offset, 0)


def jump_if_less(register: int, constant: int, offset: int) -> bytes:
    """Skip `offset` instructions if register < constant, as numbers without sign."""
    return _instruction(0xA5, register, 0, offset, constant)


def to_big_endian(target: int, bits: int) -> bytes:
    """Turn the lower 16, 32 or 64 bits between network order and the machine's."""
    return _instruction(0xDC, target, 0, 0, bits)


def call(function: int) -> bytes:
    """Call one of the kernel's functions (bpf-helpers(7)); arguments in registers 1 to 5."""
    return _instruction(0x85, 0, 0, 0, function)


def leave() -> bytes:
    """Return register 0."""
    return _instruction(0x95, 0, 0, 0, 0)


def load(program_type: int, program: bytes, name: str = "wherry_devices") -> int:
    """Have the kernel verify and load a program; returns its descriptor (close-on-exec).

    Raises OSError with the verifier's errno: EINVAL or EACCES for a wrong program, EPERM without
    CAP_BPF or CAP_SYS_ADMIN.
    """
    code = ctypes.create_string_buffer(program, len(program))
    licence = ctypes.create_string_buffer(b"Apache-2.0")
    attributes = struct.pack(
        "<IIQQIIQII16sI",
        program_type,
        len(program) // 8,
        ctypes.addressof(code),
        ctypes.addressof(licence),
        0,
        0,
        0,
        0,
        0,
        name.encode()[:15],
        0,
    )
    return _bpf(PROG_LOAD, bytearray(attributes))


def attach(cgroup: int, program: int, kind: int) -> None:
    """Attach beside what is attached already; all of them must allow."""
    _bpf(PROG_ATTACH, bytearray(struct.pack("<IIIII", cgroup, program, kind, ALLOW_MULTI, 0)))


def attached(cgroup: int, kind: int) -> list[int]:
    """Numbers of the programs attached at this very cgroup."""
    numbers = (ctypes.c_uint32 * MOST_PROGRAMS)()
    attributes = bytearray(
        struct.pack("<IIIIQII", cgroup, kind, 0, 0, ctypes.addressof(numbers), MOST_PROGRAMS, 0)
    )
    _bpf(PROG_QUERY, attributes)
    count = struct.unpack_from("<I", attributes, 24)[0]
    return list(numbers[:count])


def detach(cgroup: int, number: int, kind: int) -> None:
    """Take off the program with this number; one that is gone already is no error."""
    try:
        program = _bpf(PROG_GET_FD_BY_ID, bytearray(struct.pack("<III", number, 0, 0)))
    except OSError as error:
        if error.errno == errno.ENOENT:
            return
        raise
    try:
        _bpf(PROG_DETACH, bytearray(struct.pack("<IIIII", cgroup, program, kind, 0, 0)))
    finally:
        os.close(program)


def _bpf(command: int, attributes: bytearray) -> int:
    buffer = (ctypes.c_char * len(attributes)).from_buffer(attributes)
    result = int(_libc.syscall(_SYSCALL[os.uname().machine], command, buffer, len(attributes)))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"bpf: {os.strerror(number)}")
    return result
