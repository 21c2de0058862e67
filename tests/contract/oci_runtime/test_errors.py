"""What goes wrong is said in words that callers know, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.contract.oci_runtime.runtimes import Runtime, wait_until


def try_create(runtime: Runtime) -> str:
    runtime.bundle.write()
    complaint = runtime.refused("create", "--bundle", str(runtime.bundle.path), runtime.id)
    assert runtime.left_behind() == []
    return complaint


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nosuch"], 'exec: "nosuch": executable file not found in $PATH'),
        (["/nosuch"], "no such file or directory"),
        (["/etc/passwd"], "permission denied"),
        (["/etc"], ("is a directory", "permission denied")),
    ],
)
def test_programs_that_cannot_be_run(runtime: Runtime, args: list[str], words: Any) -> None:
    runtime.bundle.process["args"] = args
    complaint = try_create(runtime).replace('\\"', '"')
    wanted = (words,) if isinstance(words, str) else words
    assert any(word in complaint for word in wanted), complaint


def test_id_in_use(runtime: Runtime) -> None:
    runtime.create()
    complaint = runtime.refused("create", "--bundle", str(runtime.bundle.path), runtime.id)
    assert "container with given ID already exists" in complaint
    assert runtime.status() == "created"


@pytest.mark.parametrize("id", ["../x", "a/b", "a b", "."])
def test_ids_that_are_none(runtime: Runtime, id: str) -> None:
    runtime.bundle.write()
    complaint = runtime.refused("create", "--bundle", str(runtime.bundle.path), id)
    assert "invalid container ID format" in complaint


@pytest.mark.parametrize("verb", ["state", "start", "kill", "delete", "pause", "resume", "ps"])
def test_containers_that_do_not_exist(runtime: Runtime, verb: str) -> None:
    assert "container does not exist" in runtime.refused(verb, runtime.id)


def test_forced_delete_of_nothing_is_no_error(runtime: Runtime) -> None:
    runtime.ok("delete", "--force", runtime.id)


def test_no_bundle(runtime: Runtime) -> None:
    complaint = runtime.refused("create", "--bundle", str(runtime.directory), runtime.id)
    assert "config.json not found" in complaint


@pytest.mark.parametrize(
    "change",
    [
        lambda bundle: bundle.process.update(args=[]),
        lambda bundle: bundle.process.update(cwd="relative"),
        lambda bundle: bundle.spec.pop("root"),
        lambda bundle: bundle.spec.update(root={"path": "nowhere"}),
        lambda bundle: bundle.spec.update(process="nonsense"),
        lambda bundle: bundle.linux.update(sysctl={"vm.swappiness": "1"}),
        lambda bundle: bundle.without_namespace("uts"),
        lambda bundle: bundle.process.update(
            rlimits=[{"type": "RLIMIT_NONSENSE", "soft": 1, "hard": 1}]
        ),
        lambda bundle: bundle.linux.update(namespaces=[{"type": "mount"}, {"type": "nonsense"}]),
        lambda bundle: bundle.linux["resources"].update(cpu={"cpus": "900"}),
        lambda bundle: bundle.spec["mounts"].append(
            {"destination": "/x", "type": "nonsense", "source": "x"}
        ),
        lambda bundle: bundle.spec["mounts"].append(
            {"destination": "/x", "type": "bind", "source": "/no/such", "options": ["bind"]}
        ),
    ],
)
def test_bundles_that_are_wrong(runtime: Runtime, change: Any) -> None:
    change(runtime.bundle)
    assert try_create(runtime)


def test_a_terminal_needs_a_taker(runtime: Runtime) -> None:
    runtime.bundle.process["terminal"] = True
    assert "console socket" in try_create(runtime)


def test_start_twice(runtime: Runtime) -> None:
    runtime.start()
    assert "cannot start" in runtime.refused("start", runtime.id)


def test_after_the_end(runtime: Runtime) -> None:
    runtime.start("true")
    wait_until(lambda: runtime.status() == "stopped", "the end")
    assert "container not running" in runtime.refused("kill", runtime.id, "TERM")
    assert "cannot start" in runtime.refused("start", runtime.id)
    done = runtime.call("exec", runtime.id, "true")
    assert done.returncode == 255
    assert "cannot exec in a stopped container" in done.stderr


def test_unknown_signal(runtime: Runtime) -> None:
    runtime.start()
    assert "unknown signal" in runtime.refused("kill", runtime.id, "NONSENSE")


def test_log_in_json(runtime: Runtime) -> None:
    flags = ("--log", str(runtime.log), "--log-format", "json")
    done = runtime.call(*flags, "state", runtime.id)
    assert done.returncode == 1
    assert "container does not exist" in done.stderr
    entry = json.loads(runtime.log.read_text().splitlines()[-1])
    assert (entry["level"], entry["msg"]) == ("error", "container does not exist")
    assert entry["time"]


def test_log_as_text(runtime: Runtime) -> None:
    complaint = runtime.refused("state", runtime.id)
    assert "level=error msg=" in complaint


def test_what_only_exec_finds_out(runtime: Runtime) -> None:
    """After create nobody listens but the container's own standard error."""
    program = runtime.bundle.rootfs / "bin" / "odd"
    program.write_bytes(b"\x7fELF and nothing else")
    program.chmod(0o755)
    runtime.bundle.process["args"] = ["odd"]
    runtime.bundle.write()
    done = runtime.call("run", "--bundle", str(runtime.bundle.path), runtime.id)
    assert done.returncode != 0
    assert "exec format error" in done.stderr + done.stdout
    with (runtime.directory / "stderr").open("wb") as stderr:
        words = runtime.command("create", "--bundle", str(runtime.bundle.path), runtime.id)
        subprocess.run(words, stderr=stderr, stdin=subprocess.DEVNULL, check=True)
    runtime.ok("start", runtime.id)
    wait_until(lambda: runtime.status() == "stopped", "the end")
    assert "exec format error" in (runtime.directory / "stderr").read_text()
