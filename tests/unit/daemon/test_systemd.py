"""The lock, readiness and inherited sockets."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from wherry.daemon import systemd
from wherry.daemon.lock import PidFile, RootLock
from wherry.errors import Conflict


def test_a_second_lock_names_the_first_pid(tmp_path: Path) -> None:
    lock = RootLock(str(tmp_path))
    with pytest.raises(Conflict, match=f"pid {os.getpid()}"):
        RootLock(str(tmp_path))
    lock.close()
    RootLock(str(tmp_path)).close()


def test_a_pid_file_is_removed_only_by_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    file = PidFile(str(path))
    assert path.read_text() == f"{os.getpid()}\n"
    path.write_text("1\n")
    file.remove()
    assert path.exists()


def test_readiness_is_told(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        systemd.notify({"NOTIFY_SOCKET": address}, "READY=1")
        assert listener.recv(64) == b"READY=1"
    systemd.notify({}, "READY=1")


def test_sockets_of_another_process_are_not_taken() -> None:
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "1"}
    assert systemd.inherited_sockets(environ) == []
    assert environ == {}
