"""create, start, state, kill, delete, pause, list, ps: what callers build on."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest

from tests.contract.oci_runtime.runtimes import Runtime, wait_until


def test_created_running_stopped_gone(runtime: Runtime) -> None:
    runtime.create(script="echo started >/proc/1/fd/1; sleep 60")
    state = runtime.state()
    assert state["status"] == "created"
    assert state["id"] == runtime.id
    assert state["pid"] == runtime.pid()
    assert state["bundle"] == str(runtime.bundle.path)
    assert state["rootfs"] == str(runtime.bundle.rootfs)
    assert state["created"].endswith("Z")
    runtime.ok("start", runtime.id)
    assert runtime.status() == "running"
    runtime.ok("kill", runtime.id, "KILL")
    wait_until(lambda: runtime.status() == "stopped", "the end")
    assert runtime.state()["pid"] == 0
    runtime.ok("delete", runtime.id)
    assert "does not exist" in runtime.refused("state", runtime.id)


@pytest.mark.usefixtures("subreaper")
def test_the_process_falls_to_the_nearest_subreaper(runtime: Runtime) -> None:
    runtime.start("exit 42")
    pid, status = os.waitpid(runtime.pid(), 0)
    assert pid == runtime.pid()
    assert os.waitstatus_to_exitcode(status) == 42
    assert runtime.status() == "stopped"


@pytest.mark.parametrize("script", ["exit 0", "exit 3", "kill -9 $$; sleep 9", "nosuch"])
def test_exit_status_of_run(runtime: Runtime, script: str) -> None:
    statuses = {"exit 3": 3, "kill -9 $$; sleep 9": 137, "nosuch": 127}
    if "kill" in script:  # pid 1 of a pid namespace is immune to its own signals
        runtime.bundle.without_namespace("pid")
    runtime.run(script, status=statuses.get(script, 0))
    assert "does not exist" in runtime.refused("state", runtime.id)


def test_run_detached(runtime: Runtime) -> None:
    runtime.bundle.shell("sleep 60")
    runtime.bundle.write()
    pid_file = ("--pid-file", str(runtime.pid_file))
    runtime.ok("run", "-d", *pid_file, "-b", str(runtime.bundle.path), runtime.id)
    assert runtime.status() == "running"
    assert runtime.state()["pid"] == runtime.pid()


def test_run_keeps_when_told(runtime: Runtime) -> None:
    runtime.bundle.shell("exit 4")
    runtime.bundle.write()
    done = runtime.call("run", "--keep", "--bundle", str(runtime.bundle.path), runtime.id)
    assert done.returncode == 4
    assert runtime.status() == "stopped"


def test_standard_streams_are_passed_on(runtime: Runtime) -> None:
    runtime.bundle.shell("cat; echo complaint >&2")
    runtime.bundle.write()
    done = runtime.call("run", "-b", str(runtime.bundle.path), runtime.id, stdin="some words")
    assert (done.stdout, done.stderr) == ("some words", "complaint\n")


def test_further_descriptors_are_passed_on(runtime: Runtime) -> None:
    runtime.bundle.shell("cat <&3; ls /proc/self/fd | wc -l")
    runtime.bundle.write()
    reading, writing = os.pipe()
    os.write(writing, b"through three\n")
    os.close(writing)
    flags = ("--preserve-fds", "1", "--bundle", str(runtime.bundle.path), runtime.id)
    done = subprocess.run(
        runtime.command("run", *flags),
        preexec_fn=lambda: os.dup2(reading, 3),
        close_fds=False,
        capture_output=True,
        timeout=60,
        check=False,
    )
    os.close(reading)
    assert done.stdout == b"through three\n5\n", done  # 0 to 3 and ls's own


def test_no_descriptor_leaks_into_the_container(runtime: Runtime) -> None:
    assert runtime.run("for f in /proc/1/fd/*; do echo ${f##*/}; done").split() in (
        ["0", "1", "2"],
        ["0", "1", "2", "3"],  # the shell's own for the directory
        ["*"],
    )


def test_signals_by_number_and_name(runtime: Runtime) -> None:
    marks = runtime.bundle.rootfs / "tmp" / "marks"
    script = (
        "trap 'echo usr1 >>/tmp/marks' USR1; trap 'echo hup >>/tmp/marks' HUP;"
        " trap 'exit 0' TERM; echo ready >>/tmp/marks; while :; do sleep 0.05; done"
    )
    runtime.bundle.spec["root"]["readonly"] = False
    runtime.start(script)
    wait_until(lambda: marks.exists(), "the traps")
    runtime.ok("kill", runtime.id, "USR1")
    wait_until(lambda: "usr1" in marks.read_text(), "USR1")
    runtime.ok("kill", runtime.id, "SIGHUP")
    wait_until(lambda: "hup" in marks.read_text(), "HUP")
    runtime.ok("kill", runtime.id, str(int(signal.SIGTERM)))
    wait_until(lambda: runtime.status() == "stopped", "the end")


def test_kill_all(runtime: Runtime) -> None:
    runtime.bundle.without_namespace("pid")
    runtime.start("sleep 61 & sleep 62 & wait")
    wait_until(lambda: len(runtime.cgroup().pids()) == 3, "the children")
    runtime.ok("kill", "--all", runtime.id, "KILL")
    wait_until(lambda: not runtime.cgroup().pids(), "the end of all")


def test_pause_and_resume(runtime: Runtime) -> None:
    runtime.start()
    runtime.ok("pause", runtime.id)
    assert runtime.status() == "paused"
    assert "not running" in runtime.refused("pause", runtime.id) or runtime.name == "runc"
    runtime.ok("resume", runtime.id)
    assert runtime.status() == "running"
    assert "not paused" in runtime.refused("resume", runtime.id)


def test_a_paused_container_can_be_killed_and_deleted(runtime: Runtime) -> None:
    runtime.start()
    runtime.ok("pause", runtime.id)
    runtime.ok("delete", "--force", runtime.id)
    assert runtime.left_behind() == []


def test_delete_needs_force_while_it_runs(runtime: Runtime) -> None:
    runtime.start()
    complaint = runtime.refused("delete", runtime.id)
    assert f"cannot delete container {runtime.id} that is not stopped: running" in complaint
    runtime.ok("delete", "--force", runtime.id)
    assert runtime.left_behind() == []


def test_delete_of_a_created_one_needs_none(runtime: Runtime) -> None:
    runtime.create()
    runtime.ok("delete", runtime.id)
    assert runtime.left_behind() == []


def test_list(runtime: Runtime) -> None:
    runtime.start()
    (row,) = json.loads(runtime.ok("list", "--format", "json"))
    assert (row["id"], row["status"], row["pid"]) == (runtime.id, "running", runtime.pid())
    assert row["owner"] == "root"
    assert runtime.ok("list", "-q") == f"{runtime.id}\n"
    heading, line = runtime.ok("list").splitlines()
    assert heading.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    assert line.split()[:3] == [runtime.id, str(runtime.pid()), "running"]


def test_list_of_an_empty_root(runtime: Runtime) -> None:
    assert json.loads(runtime.ok("list", "--format", "json")) in ([], None)


def test_ps(runtime: Runtime) -> None:
    runtime.start("sleep 63 & wait")
    wait_until(lambda: len(runtime.cgroup().pids()) == 2, "the child")
    assert json.loads(runtime.ok("ps", "--format", "json", runtime.id)) == runtime.cgroup().pids()
    heading, *lines = runtime.ok("ps", runtime.id).splitlines()
    assert "PID" in heading
    assert sum("sleep 63" in line for line in lines) == 2


def test_events(runtime: Runtime) -> None:
    runtime.start()
    event = json.loads(runtime.ok("events", "--stats", runtime.id))
    assert (event["type"], event["id"]) == ("stats", runtime.id)
    data = event["data"]
    assert data["cpu"]["usage"]["total"] > 0
    assert data["memory"]["usage"]["usage"] > 0
    assert data["pids"]["current"] >= 1
    assert "blkio" in data


def test_update(runtime: Runtime) -> None:
    runtime.start()
    flags = ("--memory", str(64 << 20), "--memory-swap", str(64 << 20), "--cpu-share", "512")
    runtime.ok("update", *flags, "--pids-limit", "50", runtime.id)
    figures = runtime.cgroup().stats()
    assert figures["memory"]["usage"]["limit"] == 64 << 20
    assert figures["pids"]["limit"] == 50
    resources = json.dumps({"memory": {"limit": 32 << 20}, "pids": {"limit": 40}})
    runtime.ok("update", "--resources", "-", runtime.id, stdin=resources)
    figures = runtime.cgroup().stats()
    assert figures["memory"]["usage"]["limit"] == 32 << 20
    assert figures["pids"]["limit"] == 40


def test_limits_of_the_bundle(runtime: Runtime) -> None:
    runtime.bundle.linux["resources"] |= {
        "memory": {"limit": 64 << 20},
        "pids": {"limit": 33},
        "cpu": {"shares": 256, "quota": 20000, "period": 100000, "cpus": "0"},
    }
    runtime.start()
    figures = runtime.cgroup().stats()
    assert figures["memory"]["usage"]["limit"] == 64 << 20
    assert figures["pids"]["limit"] == 33
    assert figures["cpuset"]["cpus"] == "0"


def test_spec_and_features(runtime: Runtime) -> None:
    target = runtime.directory / "new"
    target.mkdir()
    runtime.ok("spec", "--bundle", str(target))
    assert json.loads((target / "config.json").read_text())["process"]["args"] == ["sh"]
    assert "exists" in runtime.refused("spec", "--bundle", str(target))
    features = json.loads(runtime.ok("features"))
    assert "poststop" in features["hooks"]
    assert features["linux"]["seccomp"]["enabled"]


def test_version(runtime: Runtime) -> None:
    assert "spec: 1." in runtime.ok("--version")
