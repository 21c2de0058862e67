"""Starting a daemon when none answers: once, and with an explanation when it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from wherry.cli.autostart import daemon_command
from wherry.cli.host import choose

ROOT = Path(__file__).parents[3]

# What stands in for the daemon: says who it is, listens, answers with its process id.
DAEMON = """\
import os, socket, sys
with open(sys.argv[2], "a") as started:
    started.write(f"{os.getpid()}\\n")
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(64)
while True:
    connection, _ = listener.accept()
    connection.recv(65536)
    body = b"[]"
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n" + body)
    connection.close()
"""
CLIENT = """\
import sys
sys.path.insert(0, {src!r})
from wherry.cli import autostart, main
autostart.daemon_command = lambda *_: {command!r}
sys.exit(main.run(["ps", "-q"]))
"""


@pytest.fixture
def exec_root(tmp_path: Path) -> Iterator[Path]:
    """Where state goes; daemons that were started are ended."""
    yield tmp_path / "run"
    started = tmp_path / "started"
    for pid in started.read_text().split() if started.exists() else []:
        os.kill(int(pid), signal.SIGKILL)


def client(exec_root: Path, command: list[str], **more: str) -> subprocess.Popen[str]:
    code = CLIENT.format(src=str(ROOT / "src"), command=command)
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-IS", "-c", code],
        env=kept | {"WHERRY_EXEC_ROOT": str(exec_root)} | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fake_daemon(exec_root: Path) -> list[str]:
    script = exec_root.parent / "daemon.py"
    script.write_text(DAEMON)
    return [sys.executable, str(script), f"{exec_root}.sock", str(exec_root.parent / "started")]


def test_many_at_once_start_one(exec_root: Path) -> None:
    command = fake_daemon(exec_root)  # once: it writes the script that the first client may run
    clients = [client(exec_root, command) for _ in range(8)]
    results = [(process.communicate(), process.returncode) for process in clients]
    assert results == [(("", ""), 0)] * 8
    assert len((exec_root.parent / "started").read_text().split()) == 1


def test_the_daemon_outlives_and_leaves_the_session(exec_root: Path) -> None:
    process = client(exec_root, fake_daemon(exec_root))
    process.communicate()
    pid = int((exec_root.parent / "started").read_text())
    assert os.getsid(pid) == pid
    assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
    assert client(exec_root, ["/bin/false"]).wait() == 0


def test_last_words(exec_root: Path) -> None:
    words = "no room left for a daemon"
    Path(f"{exec_root}.log").write_text("older words\n")
    process = client(exec_root, ["/bin/sh", "-c", f"echo {words}; exit 3"])
    _, error = process.communicate()
    assert process.returncode == 1
    assert f"did not start: it ended with status 3 (log: {exec_root}.log)" in error
    assert words in error
    assert "older words" not in error


def test_not_when_told_not_to(exec_root: Path) -> None:
    process = client(exec_root, fake_daemon(exec_root), WHERRY_NO_DAEMON="1")
    _, error = process.communicate()
    assert process.returncode == 1
    assert f"Cannot connect to the Wherry daemon at unix://{exec_root}.sock" in error
    assert not (exec_root.parent / "started").exists()


def test_not_at_another_address(exec_root: Path) -> None:
    process = client(exec_root, fake_daemon(exec_root), WHERRY_HOST=f"unix://{exec_root}.other")
    process.communicate()
    assert process.returncode == 1
    time.sleep(0.1)
    assert not (exec_root.parent / "started").exists()


def test_the_daemons_command_line() -> None:
    environ = {"WHERRY_DATA_ROOT": "/d", "WHERRY_EXEC_ROOT": "/e"}
    command = daemon_command(environ, "/e", choose([], environ))
    assert command[1:4] == ["-I", "-m", "wherry.daemon"]
    assert command[4:] == [
        "-H",
        "unix:///e.sock",
        "--data-root",
        "/d",
        "--exec-root",
        "/e",
        "--pidfile",
        "/e.pid",
    ]
