"""Children as descriptors, namespaces and their maps."""

from __future__ import annotations

import os
import signal

import pytest

from wherry.kernel import namespace, process
from wherry.runtime.own_namespaces import Excursion

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def child(flags: int, code: int) -> int:
    """A pidfd of a child that ends with `code`; -1 sleeps instead."""
    pid, pidfd = process.clone3(flags, exit_signal=process.SIGCHLD)
    if pid == 0:
        if code < 0:
            signal.pause()
        os._exit(code)
    return pidfd


def test_exit_codes_and_signals() -> None:
    pidfd = child(0, 7)
    assert process.wait_pidfd(pidfd) == 7 << 8
    with pytest.raises(ChildProcessError):
        process.wait_pidfd(pidfd)
    os.close(pidfd)
    pidfd = child(0, -1)
    assert process.wait_pidfd(pidfd, nohang=True) is None
    process.pidfd_send_signal(pidfd, signal.SIGTERM)
    assert process.wait_pidfd(pidfd) == signal.SIGTERM
    os.close(pidfd)


def test_child_of_a_pid_namespace_is_its_first() -> None:
    reading, writing = os.pipe()
    pid, pidfd = process.clone3(namespace.CLONE_NEWPID, exit_signal=process.SIGCHLD)
    if pid == 0:
        os.write(writing, str(os.getpid()).encode())
        os._exit(0)
    process.wait_pidfd(pidfd)
    assert os.read(reading, 9) == b"1"
    for fd in (reading, writing, pidfd):
        os.close(fd)


def test_user_namespace_for_its_maps_only() -> None:
    fd = namespace.open_mapped_user_namespace(b"0 1000 10\n", b"0 1000 10\n")
    assert os.readlink(f"/proc/self/fd/{fd}").startswith("user:[")
    os.close(fd)


def test_bad_maps_name_their_file() -> None:
    with pytest.raises(OSError, match="uid_map"):
        namespace.open_mapped_user_namespace(b"no map\n", b"")


def test_an_excursion_ends_at_home() -> None:
    pidfd = child(namespace.CLONE_NEWNET | namespace.CLONE_NEWUTS, -1)
    pid = next(
        int(line.split()[1])
        for line in open(f"/proc/self/fdinfo/{pidfd}")  # noqa: SIM115
        if line.startswith("Pid:")
    )
    home = os.readlink("/proc/self/ns/net")
    there = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    code = os.fork()
    if code == 0:
        with Excursion([(namespace.CLONE_NEWNET, there)]):
            inside = os.readlink("/proc/self/ns/net")
        os._exit(0 if inside != home and os.readlink("/proc/self/ns/net") == home else 1)
    assert os.waitpid(code, 0)[1] == 0
    process.pidfd_send_signal(pidfd, signal.SIGKILL)
    process.wait_pidfd(pidfd)
    os.close(there)
    os.close(pidfd)
