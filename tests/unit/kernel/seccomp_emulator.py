"""What the kernel does with a classic BPF program for one system call."""

from __future__ import annotations

import struct

AUDIT_X86_64, AUDIT_I386, AUDIT_AARCH64, AUDIT_ARM = 0xC000003E, 0x40000003, 0xC00000B7, 0x40000028


def run(program: bytes, audit: int, number: int, args: tuple[int, ...] = ()) -> int:
    """The action for this call (Linux kernel/seccomp.c, net/core/filter.c)."""
    args = (*args, *(0,) * (6 - len(args)))
    data = struct.pack("<IIQ6Q", number, audit, 0, *args)
    code = list(struct.iter_unpack("<HBBI", program))
    register, at = 0, 0
    while True:
        opcode, true, false, value = code[at]
        at += 1
        if opcode == 0x20:
            register = struct.unpack_from("<I", data, value)[0]
        elif opcode == 0x54:
            register &= value
        elif opcode == 0x05:
            at += value
        elif opcode == 0x15:
            at += true if register == value else false
        elif opcode == 0x25:
            at += true if register > value else false
        elif opcode == 0x35:
            at += true if register >= value else false
        elif opcode == 0x06:
            return int(value)
        else:
            raise AssertionError(f"instruction {opcode:#x} at {at - 1}")
