"""The daemon's own life: signals, locks, coming back, leaving nothing that nobody owns."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.engines import ANSWER_SECONDS, Engine


def _state(engine: Engine, name: str) -> str:
    form = "{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}"
    return engine.output("inspect", "-f", form, name)


def _wait_for(engine: Engine, name: str, status: str) -> None:
    limit = time.monotonic() + ANSWER_SECONDS
    while not _state(engine, name).startswith(status):
        assert time.monotonic() < limit, _state(engine, name)
        time.sleep(0.05)


def test_sigterm_leaves_containers_running(own_wherry: Engine) -> None:
    own_wherry.output("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    pid = int(own_wherry.output("inspect", "-f", "{{.State.Pid}}", "c1"))
    own_wherry.kill(signal.SIGTERM)
    assert Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x001000\x00"
    assert not own_wherry.socket.exists()
    own_wherry.start()
    assert int(own_wherry.output("inspect", "-f", "{{.State.Pid}}", "c1")) == pid
    assert own_wherry.output("exec", "c1", "echo", "in") == "in"
    own_wherry.output("rm", "-f", "c1")


def test_a_second_daemon_is_told_who_has_the_root(own_wherry: Engine) -> None:
    assert own_wherry.daemon is not None
    command = [*own_wherry.command(), f"--pidfile={own_wherry.root}/other", "--exec-root=/nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"in use by another daemon (pid {own_wherry.daemon.pid})" in done.stderr


def test_restart_policy_acts_on_an_end_that_nobody_saw(own_wherry: Engine) -> None:
    script = "[ -e /again ] && sleep 1000; touch /again; sleep 1; exit 3"
    run = ("run", "-d", "--restart", "always", "--name", "c1", "busybox", "sh", "-c", script)
    own_wherry.output(*run)
    own_wherry.kill()
    time.sleep(1.5)
    own_wherry.start()
    _wait_for(own_wherry, "c1", "running")
    assert _state(own_wherry, "c1") == "running 0 1"
    own_wherry.output("rm", "-f", "c1")


def test_a_temporary_container_that_ended_meanwhile_is_removed(own_wherry: Engine) -> None:
    own_wherry.output("run", "-d", "--rm", "--name", "c1", "busybox", "sleep", "1")
    own_wherry.kill()
    time.sleep(1.5)
    own_wherry.start()
    limit = time.monotonic() + ANSWER_SECONDS
    while own_wherry.output("ps", "-aq"):
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_files_without_a_record_are_removed(own_wherry: Engine) -> None:
    id = own_wherry.output("create", "--name", "c1", "busybox", "true")
    own_wherry.kill()
    stray = own_wherry.data_root / "containers" / ("f" * 64)
    stray.mkdir()
    own_wherry.start()
    assert not stray.exists()
    assert (own_wherry.data_root / "containers" / id).is_dir()
    own_wherry.output("rm", "c1")


def test_a_lost_run_is_recorded_as_such(own_wherry: Engine) -> None:
    """As after a power cut: the record says running, and neither process nor keeper is there."""
    own_wherry.output("run", "-d", "--name", "c1", "busybox", "sleep", "1000")
    pid = int(own_wherry.output("inspect", "-f", "{{.State.Pid}}", "c1"))
    own_wherry.kill()
    keeper = int((own_wherry.exec_root / "keeper.pid").read_text().split()[0])
    os.kill(keeper, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    for record in (own_wherry.exec_root / "containers").glob("*/exit"):
        record.unlink()
    own_wherry.start()
    assert _state(own_wherry, "c1").startswith("exited ")
    own_wherry.output("start", "c1")
    own_wherry.output("rm", "-f", "c1")
