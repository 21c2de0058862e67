"""What a user did wrong is told with its true cause, in words that Docker's clients look for."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.root.runtime.driver import Driver, spec


def error_of(driver: Driver, *args: str, **process: Any) -> dict[str, Any]:
    """The error of a container that must not start."""
    result = driver.run(spec(*args, **process))
    assert result.error, result
    return result.error


def program(driver: Driver, content: bytes, mode: int = 0o755) -> str:
    """A file in the image, to be executed."""
    path = driver.rootfs / "bin/program"
    path.write_bytes(content)
    path.chmod(mode)
    return "/bin/program"


def elf(machine: int, interpreter: bytes = b"") -> bytes:
    """A little-endian 64 bit ELF header with one program header."""
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = struct.pack("<2HI3QI6H", 2, machine, 1, 0x400000, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    name = interpreter + b"\0"
    segment = struct.pack("<2I6Q", 3, 4, 120, 0, 0, len(name), len(name), 1)
    return (ident + header + segment + name).ljust(4096, b"\0")


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("foo",), 'exec: "foo": executable file not found in $PATH'),
        (("/no/such",), 'exec: "/no/such": stat /no/such: no such file or directory'),
        (("/etc",), 'exec: "/etc": is a directory'),
        (("/etc/passwd",), 'exec: "/etc/passwd": permission denied'),
        (("/etc/passwd/x",), "not a directory"),
        (("ls -l",), "give the arguments as separate words"),
        ((), "no command specified"),
    ],
)
def test_programs_that_cannot_be_found(driver: Driver, args: tuple[str, ...], text: str) -> None:
    error = error_of(driver, *args)
    assert text in error["text"]
    assert error["step"] == "find"


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b"#!/no/shell\necho\n", ["no such file or directory", "/no/shell", "interpreter"]),
        (b"#!/bin/sh\r\necho\r\n", ["no such file or directory", "carriage return", "dos2unix"]),
        (b"echo no shebang\n", ["exec format error", "#!/bin/sh"]),
        (b"", ["exec format error", "empty"]),
        (elf(183), ["exec format error", "arm64", "amd64"]),
        (elf(62, b"/lib/ld-none.so"), ["no such file or directory", "/lib/ld-none.so"]),
    ],
    ids=["interpreter", "crlf", "no shebang", "empty", "foreign machine", "no loader"],
)
def test_programs_that_cannot_be_executed(driver: Driver, content: bytes, texts: list[str]) -> None:
    if os.uname().machine != "x86_64":
        pytest.skip("the samples are for x86_64")
    error = error_of(driver, program(driver, content))
    assert error["step"] == "exec"
    assert [text for text in texts if text not in error["text"]] == []


def test_a_program_that_its_user_may_not_run(driver: Driver) -> None:
    path = program(driver, b"#!/bin/sh\n", mode=0o700)
    result = driver.run(spec(path), user="ann")
    assert "permission denied" in result.error["text"]


def test_too_large_an_environment(driver: Driver) -> None:
    words = [f"V{number}={'x' * 100_000}" for number in range(100)]
    error = error_of(driver, "true", env=words)
    assert "argument list too long" in error["text"]
    assert "pass large values in files" in error["text"]


def test_working_directory_that_is_a_file(driver: Driver) -> None:
    error = error_of(driver, "true", cwd="/etc/passwd/below")
    assert "Cannot mkdir: /etc/passwd is not a directory" in error["text"]


@pytest.mark.parametrize(
    ("user", "text"),
    [
        ("foo", "unable to find user foo: no matching entries in passwd file"),
        ("root:bar", "unable to find group bar: no matching entries in group file"),
        ("4294967296", "uids and gids must be in range 0-2147483647"),
    ],
)
def test_unknown_users(driver: Driver, user: str, text: str) -> None:
    assert driver.run(spec("true"), user=user).error["text"] == text


def test_directory_on_file_and_reverse(driver: Driver, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for source, target in ((tmp_path, "/etc/passwd"), (file, "/etc")):
        wanted = spec("true")
        wanted["mounts"].append(
            {"destination": target, "type": "bind", "source": str(source), "options": ["rbind"]}
        )
        error = driver.run(wanted).error
        assert error["step"] == "bind"
        assert "not a directory" in error["text"]
        assert "mount a directory on a directory and a file on a file" in error["text"]


def test_missing_bind_source_and_root(driver: Driver) -> None:
    wanted = spec("true")
    wanted["mounts"].append({"destination": "/x", "type": "bind", "source": "/no/source"})
    error = driver.run(wanted).error
    assert error["text"] == "bind source path /no/source: no such file or directory"
    gone = driver.overlay()
    gone[0].options[0] = "lowerdir+=/no/layer"
    assert "no/layer" in driver.run(spec("true"), rootfs=gone).error["text"]


def test_settings_that_the_kernel_does_not_have(driver: Driver) -> None:
    wanted = spec("true")
    wanted["linux"]["sysctl"] = {"net.core.nothing": "1"}
    assert "net.core.nothing" in driver.run(wanted).error["text"]
    wanted = spec("true")
    wanted["mounts"][3]["options"] += ["colour=blue"]
    assert "option 'colour=blue' is not accepted" in driver.run(wanted).error["text"]
    wanted = spec("true")
    wanted["mounts"].append({"destination": "/x", "type": "nofs", "source": "nofs"})
    assert "this kernel has no file system 'nofs'" in driver.run(wanted).error["text"]


def test_hard_limit_beyond_ours(driver: Driver) -> None:
    limits = [{"type": "RLIMIT_NOFILE", "soft": 2**20 + 7, "hard": 2**40}]
    error = error_of(driver, "true", rlimits=limits)
    assert error["step"] == "rlimits"
    assert "RLIMIT_NOFILE" in error["text"]


def test_volumes_cannot_cover_proc(driver: Driver, tmp_path: Path) -> None:
    for target in ("/proc/sys", "/proc/1/status"):
        wanted = spec("true")
        wanted["mounts"].append({"destination": target, "type": "bind", "source": str(tmp_path)})
        assert driver.run(wanted).error["step"] == "bind"
    wanted = spec("cat", "/proc/uptime")
    (tmp_path / "uptime").write_text("1 1\n")
    wanted["mounts"].append(
        {"destination": "/proc/uptime", "type": "bind", "source": str(tmp_path / "uptime")}
    )
    assert driver.run(wanted).output == "1 1\n"
