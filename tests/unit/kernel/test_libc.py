from __future__ import annotations

import errno

import pytest

from wherry.kernel import libc
from wherry.kernel.fd import Fd, memfd, read_all


def test_failures_carry_call_errno_and_path() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        libc.call("umount2", b"/no/such/place", 0, path="/no/such/place")
    assert caught.value.strerror == "umount2: No such file or directory"
    assert caught.value.filename == "/no/such/place"


def test_raw_result() -> None:
    assert libc.syscall("close_range", 2, 1, 0) == -1


def test_embedded_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="null byte"):
        libc.encode("a\0b")


def test_descriptor_owner() -> None:
    with Fd(memfd("test", b"content")) as owner:
        assert read_all(owner.fileno(), 4) == b"cont"
        kept = Fd(owner.detach())
    assert read_all(kept.fileno(), 100) == b"content"
    kept.close()
    kept.close()
    with pytest.raises(ValueError, match="closed"):
        kept.fileno()


def test_sealed_memory_cannot_change() -> None:
    import os

    with Fd(memfd("test", b"content")) as owner, pytest.raises(PermissionError) as caught:
        os.write(owner.fileno(), b"x")
    assert caught.value.errno == errno.EPERM
