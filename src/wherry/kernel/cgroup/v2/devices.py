"""Device rules in version 2: a BPF program that the kernel asks at each open and mknod.

The program reads its context {access << 16 | type, major, minor} into registers, then walks the
exceptions of a `DeviceList`; the first that matches decides. It is attached with
BPF_F_ALLOW_MULTI, where every attached program must agree, so that on update the new one goes in
before the old ones come out and nothing is open in between.
Sources: bpf(2), Linux include/uapi/linux/bpf.h (struct bpf_cgroup_dev_ctx).
"""

from __future__ import annotations

import os

from wherry.kernel import bpf
from wherry.kernel.cgroup.device_rules import ANY, MKNOD, READ, WRITE, DeviceList

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TYPES = {"b": 1, "c": 2}
ACCESS = ((MKNOD, 1), (READ, 2), (WRITE, 4))
CONTEXT, VERDICT, TYPE, WANTED, MAJOR, MINOR, SCRATCH = 1, 0, 2, 3, 4, 5, 6


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Make `resources["devices"]` the rules of this cgroup; OSError when BPF is refused."""
    rules = resources.get("devices")
    if not rules:
        return
    program = assemble(DeviceList(rules))
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        old = bpf.attached(fd, bpf.CGROUP_DEVICE)
        loaded = bpf.load(bpf.PROG_TYPE_CGROUP_DEVICE, program)
        try:
            bpf.attach(fd, loaded, bpf.CGROUP_DEVICE)
        finally:
            os.close(loaded)
        for number in old:
            bpf.detach(fd, number, bpf.CGROUP_DEVICE)
    finally:
        os.close(fd)


def assemble(devices: DeviceList) -> bytes:
    """The program: returns 1 to allow, 0 to refuse with EPERM."""
    code = [
        bpf.load_word(TYPE, CONTEXT, 0),
        bpf.and_constant(TYPE, 0xFFFF),
        bpf.load_word(WANTED, CONTEXT, 0),
        bpf.shift_right(WANTED, 16),
        bpf.load_word(MAJOR, CONTEXT, 4),
        bpf.load_word(MINOR, CONTEXT, 8),
    ]
    for exception, bits in devices.exceptions.items():
        code += _exception(exception, bits, devices.allow_by_default)
    return b"".join([*code, *_return(devices.allow_by_default)])


def _exception(key: tuple[str, int, int], bits: int, allow_by_default: bool) -> list[bytes]:
    """Return the opposite of the default if all of the key matches, else fall through.

    A list that refuses by default lets pass what asks for nothing beyond `bits`; one that allows
    by default stops what asks for any of them.
    """
    kind, major, minor = key
    mask = sum(theirs for ours, theirs in ACCESS if bits & ours)
    tests = [(TYPE, TYPES[kind])]
    if major != ANY:
        tests.append((MAJOR, major))
    if minor != ANY:
        tests.append((MINOR, minor))
    access = [
        bpf.move(SCRATCH, WANTED),
        bpf.and_constant(SCRATCH, mask if allow_by_default else ~mask & 7),
    ]
    end = _return(not allow_by_default)
    if allow_by_default:
        access.append(bpf.jump_if_equal(SCRATCH, 0, len(end)))
    else:
        access.append(bpf.jump_unless_equal(SCRATCH, 0, len(end)))
    following = len(access) + len(end)
    code = []
    for position, (register, value) in enumerate(tests):
        behind = len(tests) - position - 1 + following
        code.append(bpf.jump_unless_equal(register, value, behind))
    return [*code, *access, *end]


def _return(allow: bool) -> list[bytes]:
    return [bpf.move_constant(VERDICT, int(allow)), bpf.leave()]
