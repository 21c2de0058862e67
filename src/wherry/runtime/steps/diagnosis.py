"""Why a program does not run: the true cause behind execve's bare errno, and the remedy.

execve(2) says ENOENT for a missing interpreter as for a missing file, ENOEXEC for a foreign machine
as for a text without a shebang. A look into the file tells them apart.
"""

from __future__ import annotations

import os
import struct

from wherry.runtime.failure import Failure, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ENOENT, _E2BIG, _ENOEXEC, _EACCES = 2, 7, 8, 13
_HEAD = 4096
_PT_INTERP = 3
# e_machine of elf(5)
_MACHINES = {
    3: "386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "amd64",
    183: "arm64", 243: "riscv64", 258: "loong64",
}  # fmt: skip
_OWN = {"x86_64": (62, 3), "aarch64": (183, 40)}


def not_found(name: str, error: OSError) -> Failure:
    """The program's file cannot be looked at."""
    errno = error.errno or 0
    return Failure(errno, f'exec: "{name}": stat {name}: {reason(errno)}')


def mode_hint(facts: os.stat_result) -> str:
    """What to do about a file that may not be executed."""
    if not facts.st_mode & 0o111:
        return "; the file is not executable, set its mode with chmod +x"
    return ""


def of_exec(path: str, args: Sequence[str], env: Mapping[str, str], error: OSError) -> Failure:
    """The cause of a failed execve of `path`, as far as its file tells it."""
    errno = error.errno or 0
    detail = _cause(path, args, env, errno)
    return Failure(errno, f"exec {path}: {detail}")


def _cause(path: str, args: Sequence[str], env: Mapping[str, str], errno: int) -> str:
    if errno == _E2BIG:
        size = _size(args, env)
        return (
            f"argument list too long: arguments and environment have {size} bytes, more than the "
            "kernel takes (128 KiB for one of them, a quarter of the stack limit for all); "
            "pass large values in files"
        )
    try:
        head = _head(path)
    except OSError:
        return reason(errno)
    if head.startswith(b"#!"):
        return _of_script(head, errno)
    if head.startswith(b"\x7fELF"):
        return _of_elf(head, errno)
    if errno == _ENOEXEC:
        kind = "the file is empty" if not head else "it is neither a binary nor a #! script"
        return f"exec format error: {kind}; begin a script with a line such as #!/bin/sh"
    return reason(errno)


def _size(args: Sequence[str], env: Mapping[str, str]) -> int:
    words = [*args, *(f"{name}={value}" for name, value in env.items())]
    return sum(len(os.fsencode(word)) + 1 for word in words)


def _head(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, _HEAD)
    finally:
        os.close(fd)


def _of_script(head: bytes, errno: int) -> str:
    line = head[2:].split(b"\n", 1)[0]
    interpreter = os.fsdecode(line.strip(b" \t").split(b" ", 1)[0].split(b"\t", 1)[0])
    if line.endswith(b"\r"):
        name = interpreter.rstrip("\r")
        return (
            f"no such file or directory: the first line ends in a carriage return, so the kernel "
            f"looks for {name + chr(13)!r}; the file has Windows line ends, convert it (dos2unix)"
        )
    if errno == _ENOENT or not os.path.exists(interpreter):
        return (
            f"no such file or directory: its interpreter {interpreter!r} (first line, #!) is not "
            "in the image; install it or name another"
        )
    if errno == _EACCES:
        return f"permission denied: its interpreter {interpreter!r} is not executable"
    if errno == _ENOEXEC:
        return f"exec format error: its interpreter {interpreter!r} cannot run on this machine"
    return reason(errno)


def _of_elf(head: bytes, errno: int) -> str:
    if len(head) < 20:
        return "exec format error: the binary is cut off"
    order = ">" if head[5] == 2 else "<"
    (machine,) = struct.unpack_from(order + "H", head, 18)
    own = _OWN.get(os.uname().machine, ())
    if errno == _ENOEXEC and machine not in own:
        made_for = _MACHINES.get(machine, f"machine {machine}")
        here = _MACHINES[own[0]] if own else os.uname().machine
        return (
            f"exec format error: the binary is for {made_for}, this machine is {here}; use an "
            f"image for {here}"
        )
    if errno == _ENOENT:
        interpreter = _elf_interpreter(head, order)
        if interpreter and not os.path.exists(interpreter):
            return (
                f"no such file or directory: its dynamic loader {interpreter} is not in the image "
                "(a glibc binary in a musl image, or the reverse?)"
            )
    return reason(errno)


def _elf_interpreter(head: bytes, order: str) -> str:
    """The path in the PT_INTERP segment (elf(5)), empty where there is none within reach."""
    wide = head[4] == 2
    try:
        (start,) = struct.unpack_from(order + ("Q" if wide else "I"), head, 32 if wide else 28)
        size, count = struct.unpack_from(order + "2H", head, 54 if wide else 42)
        for number in range(count):
            at = start + number * size
            (kind,) = struct.unpack_from(order + "I", head, at)
            if kind == _PT_INTERP:
                layout, skip = (order + "Q", 8) if wide else (order + "I", 4)
                (offset,) = struct.unpack_from(layout, head, at + skip)
                return os.fsdecode(head[offset:].split(b"\0", 1)[0])
    except struct.error:
        pass
    return ""
