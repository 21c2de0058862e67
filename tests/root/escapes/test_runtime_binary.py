"""CVE-2019-5736: the image makes the runtime execute itself, then writes to what it executes."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from tests.engines import Engine
from tests.root.escapes import attempt

_TRAPS = (
    attempt.link("bin/itself", "/proc/self/exe"),
    attempt.program("bin/interpreted", b"#!/proc/self/exe\nopen('/proc/self/exe', 'r+')\n"),
)
# Keeps trying while execs come and go: whoever is found not to be busybox is the runtime's process.
_HUNTER = (
    "while :; do for p in /proc/[0-9]*; do case $(readlink $p/exe) in"
    " ''|*busybox*) ;; *) (: >> $p/exe) 2>/dev/null && echo OVERWRITABLE; echo FOUND;;"
    " esac; done; done"
)


def _digest() -> str:
    return hashlib.sha256(Path(os.path.realpath(sys.executable)).read_bytes()).hexdigest()


def test_image_whose_program_is_the_runtime(wherry: Engine) -> None:
    before = _digest()
    with attempt.trapped_image(wherry, *_TRAPS) as image:
        for program in ("/bin/itself", "/bin/interpreted"):
            words = ("run", "--rm", "--network", "none", "--entrypoint", program, image)
            done = wherry.docker(*words, "-c", "open('/proc/self/exe', 'r+')")
            assert done.returncode, (program, done)
    assert _digest() == before


def test_exec_whose_program_is_the_runtime(wherry: Engine) -> None:
    before = _digest()
    with (
        attempt.trapped_image(wherry, *_TRAPS) as image,
        attempt.running(wherry, "sleep 1000", image=image) as name,
    ):
        for program in ("/bin/itself", "/bin/interpreted"):
            assert wherry.docker("exec", name, program, "-c", "1").returncode, program
    assert _digest() == before


def test_a_container_that_lies_in_wait_for_execs(wherry: Engine) -> None:
    before = _digest()
    with attempt.running(wherry, _HUNTER) as name:
        for _ in range(10):
            wherry.output("exec", name, "true")
        caught = wherry.output("logs", name)
    assert caught == ""
    assert _digest() == before


def test_no_process_of_ours_runs_from_a_writable_file(wherry: Engine) -> None:
    """All that make containers are executed through a read-only mount of the interpreter."""
    with attempt.running(wherry, "sleep 1000"):
        makers = [pid for pid in _pids(wherry) if b"launcher" in _command(pid)]
        assert makers
        for pid in makers:
            assert os.statvfs(f"/proc/{pid}/exe").f_flag & os.ST_RDONLY, _command(pid)


def _pids(engine: Engine) -> list[int]:
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and _belongs(int(pid), engine)]


def _belongs(pid: int, engine: Engine) -> bool:
    return str(engine.root).encode() in _command(pid)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return b""
