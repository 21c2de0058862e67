"""libseccomp through ctypes: the second opinion on our own compiler.

Only what is needed to turn `linux.seccomp` into BPF in the way that runc does it.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

from wherry.kernel.seccomp import action

ARCHITECTURES = {
    "SCMP_ARCH_X86_64": 0xC000003E,
    "SCMP_ARCH_X86": 0x40000003,
    "SCMP_ARCH_X32": 0x4000003E,
    "SCMP_ARCH_AARCH64": 0xC00000B7,
    "SCMP_ARCH_ARM": 0x40000028,
}
OPERATORS = ("", "NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ")


class _Comparison(ctypes.Structure):
    _fields_ = [
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    ]


def library() -> ctypes.CDLL | None:
    """libseccomp, if this machine has it."""
    try:
        loaded = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        return None
    loaded.seccomp_init.restype = ctypes.c_void_p
    loaded.seccomp_init.argtypes = [ctypes.c_uint32]
    loaded.seccomp_arch_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    loaded.seccomp_arch_remove.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    loaded.seccomp_release.argtypes = [ctypes.c_void_p]
    loaded.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    loaded.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Comparison),
    ]
    return loaded


def compile(loaded: ctypes.CDLL, profile: dict[str, Any]) -> bytes:
    """The program that libseccomp makes of `linux.seccomp`."""
    default = action(profile["defaultAction"], profile.get("defaultErrnoRet"))
    context = loaded.seccomp_init(default)
    try:
        for name in profile.get("architectures") or ():
            loaded.seccomp_arch_add(context, ARCHITECTURES[name])
        for rule in profile.get("syscalls") or ():
            _add(loaded, context, rule, default)
        return _export(loaded, context)
    finally:
        loaded.seccomp_release(context)


def _add(loaded: ctypes.CDLL, context: int, rule: dict[str, Any], default: int) -> None:
    chosen = action(rule["action"], rule.get("errnoRet"))
    if chosen == default:
        return
    comparisons = [
        _Comparison(
            arg["index"],
            OPERATORS.index(arg["op"].removeprefix("SCMP_CMP_")),
            arg["value"],
            arg.get("valueTwo") or 0,
        )
        for arg in rule.get("args") or ()
    ]
    indexes = [comparison.arg for comparison in comparisons]
    together = len(set(indexes)) == len(indexes)
    for group in [comparisons] if together else [[one] for one in comparisons]:
        array = (_Comparison * len(group))(*group)
        for name in rule["names"]:
            number = loaded.seccomp_syscall_resolve_name(name.encode())
            if number != -1:
                loaded.seccomp_rule_add_array(context, chosen, number, len(group), array)


def _export(loaded: ctypes.CDLL, context: int) -> bytes:
    fd = os.memfd_create("bpf")
    try:
        assert loaded.seccomp_export_bpf(context, fd) == 0
        return os.pread(fd, 1 << 20, 0)
    finally:
        os.close(fd)
