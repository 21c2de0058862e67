"""More rights than the container was given: setuid programs, the processes of others, keys."""

from __future__ import annotations

import platform
import struct
import tarfile

import pytest

from tests.engines import Engine
from tests.root.escapes import attempt

# x86-64 code. The first two leave a number in eax, the last writes its 4 bytes and exits.
_KEYCTL = bytes.fromhex("b8fa000000 31ff befdffffff 31d2 0f05")  # the session keyring's serial
_GETEUID = bytes.fromhex("b86b000000 0f05")
_WRITE = bytes.fromhex(
    "50 b801000000 bf01000000 4889e6 ba04000000 0f05 b83c000000 31ff 0f05"
)  # push rax; write(1, rsp, 4); exit(0)
_EPERM = 1
_UNCONFINED = ("--security-opt", "seccomp=unconfined")
# Looks at every process that is not a program of the image: an exec that is still our runtime.
_WATCHER = (
    "echo ready; while :; do for p in /proc/[0-9]*; do"
    " case $(readlink $p/exe 2>/dev/null) in *busybox*) continue;; esac;"
    " for f in mem environ maps; do (: < $p/$f) 2>/dev/null && [ -e $p/exe ] &&"
    " case $(readlink $p/exe) in ''|*busybox*) ;; *) echo REACHED $p/$f;; esac; done;"
    " ls $p/fd 2>/dev/null | grep -q '[3-9]' && case $(readlink $p/exe) in ''|*busybox*) ;;"
    " *) echo REACHED $p/fd;; esac; done; done"
)


def _elf(code: bytes) -> bytes:
    """A static x86-64 program of one segment (elf(5))."""
    address, start = 0x400000, 64 + 56
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, address + start, 64, 0, 0,
        64, 56, 1, 0, 0, 0,
    )  # fmt: skip
    size = start + len(code)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, address, address, size, size, 4096)
    return header + segment + code


def _asks(name: str, code: bytes) -> tuple[tarfile.TarInfo, bytes]:
    """A program for an image that writes what one system call gave."""
    if platform.machine() != "x86_64":
        pytest.skip("the program that makes the system call is made for x86-64")
    return attempt.program(name, _elf(code + _WRITE))


def _answer(engine: Engine, image: str, program: str, *options: str) -> int:
    """What the program's system call gave in a fresh container, -errno where refused."""
    done = engine.docker("run", "--rm", "--network", "none", *options, image, program)
    assert done.returncode == 0, done
    return int(struct.unpack("<i", done.stdout)[0])


def test_setuid_in_a_volume_under_no_new_privileges(wherry: Engine) -> None:
    """It gives root without the option, so the attempt is one, and nothing with it."""
    make = "cp /bin/euid /v/euid; chmod 4755 /v/euid; touch /v/made; sleep 1000"
    with (
        attempt.trapped_image(wherry, _asks("bin/euid", _GETEUID)) as image,
        attempt.running(wherry, make, "--volume", "/v", image=image) as name,
    ):
        wherry.output("exec", name, "sh", "-c", "until [ -e /v/made ]; do sleep 0.02; done")
        user = ("--volumes-from", name, "--user", "1000")
        assert _answer(wherry, image, "/v/euid", *user) == 0
        walled = (*user, "--security-opt", "no-new-privileges")
        assert _answer(wherry, image, "/v/euid", *walled) == 1000


def test_exec_keeps_no_new_privileges(wherry: Engine) -> None:
    with attempt.running(wherry, "sleep 1000", "--security-opt", "no-new-privileges") as name:
        words = ("exec", "--user", "1000", name, "grep", "NoNewPrivs", "/proc/self/status")
        assert wherry.output(*words).split() == ["NoNewPrivs:", "1"]


@pytest.mark.parametrize("rights", [[], ["--cap-add", "DAC_READ_SEARCH"]], ids=" ".join)
def test_joining_process_cannot_be_reached(wherry: Engine, rights: list[str]) -> None:
    """A container that waits for execs gets at neither memory nor descriptors of the runtime."""
    with attempt.running(wherry, _WATCHER, *rights) as name:
        for _ in range(10):
            wherry.output("exec", name, "true")
        assert wherry.output("logs", name) == "ready"


def test_keyrings_are_refused(wherry: Engine) -> None:
    member = _asks("bin/keyring", _KEYCTL)
    with attempt.trapped_image(wherry, member) as image:
        assert _answer(wherry, image, "/bin/keyring") == -_EPERM
        # Without the filter the call works: what refused it was the filter.
        assert _answer(wherry, image, "/bin/keyring", *_UNCONFINED) > 0


def test_session_keyrings_are_not_shared(wherry: Engine) -> None:
    """Where the filter is off, a container still has a session keyring of its own."""
    with attempt.trapped_image(wherry, _asks("bin/keyring", _KEYCTL)) as image:
        rings = {_answer(wherry, image, "/bin/keyring", *_UNCONFINED) for _ in range(2)}
    assert len(rings) == 2, rings
