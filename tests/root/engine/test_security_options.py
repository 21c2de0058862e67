"""`--security-opt` in real containers, through the command lines and the raw API."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.engines import Engine
from tests.root.escapes import attempt
from wherry.kernel import landlock

LANDLOCK = pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")
_RULES = "landlock=ro:/bin,rw:/tmp,ro:/proc"
_EVERYTHING = ("--privileged",)
_MASKS = "mount | grep -c 'on /proc/' || true"


def create(engine: Engine, options: list[str], **config: Any) -> tuple[int, Any]:
    """Status and answer of a raw create of busybox."""
    body = {"Image": "busybox", "Cmd": ["true"], "HostConfig": {"SecurityOpt": options}, **config}
    with engine.connect() as connection:
        answer = connection.request("POST", "/containers/create", body)
        return answer.status, answer.json()


def run(engine: Engine, *words: str) -> subprocess.CompletedProcess[bytes]:
    """`wherry run` of what docker's command line would refuse or not read."""
    command = ("wherry", "run", "--rm", "--network", "none", *words)
    return subprocess.run(command, capture_output=True, env=engine.environment, timeout=120)


def removed(engine: Engine, id: str) -> Any:
    """What inspect tells of a container that goes then."""
    found = json.loads(engine.output("inspect", id))[0]
    engine.output("rm", "--force", id)
    return found


def test_system_paths_by_the_raw_api(wherry: Engine) -> None:
    status, answer = create(wherry, ["systempaths=unconfined"])
    assert status == 201, answer
    host = removed(wherry, answer["Id"])["HostConfig"]
    assert (host["MaskedPaths"], host["ReadonlyPaths"]) == ([], [])
    assert host["SecurityOpt"] is None


def test_system_paths_by_the_command_line(wherry: Engine) -> None:
    assert int(attempt.run(wherry, _MASKS)) > 5
    assert attempt.run(wherry, _MASKS, "--security-opt", "systempaths=unconfined") == "0\n"


def test_a_filter_for_a_privileged_container(wherry: Engine) -> None:
    """As in Docker: a privileged container has no filter unless one is named."""
    script = "grep ^Seccomp: /proc/self/status"
    builtin = ("--security-opt", "seccomp=builtin")
    assert attempt.run(wherry, script, *_EVERYTHING).split() == ["Seccomp:", "0"]
    assert attempt.run(wherry, script, *_EVERYTHING, *builtin).split() == ["Seccomp:", "2"]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("x", 'invalid --security-opt 1: "x"'),
        ("writeable-cgroups=true", 'invalid --security-opt 2: "writeable-cgroups=true"'),
        ("writable-cgroups=potato", 'invalid --security-opt 2: "writable-cgroups=potato"'),
        ("landlock=/usr", 'invalid --security-opt landlock: "/usr"'),
        ("seccomp={", "decoding seccomp profile failed"),
    ],
)
def test_bad_options(wherry: Engine, option: str, words: str) -> None:
    status, answer = create(wherry, [option])
    assert status == 400
    assert words in answer["message"]


def test_cgroups_can_be_written_where_asked(wherry: Engine) -> None:
    place = "d=/sys/fs/cgroup; [ -d $d/pids ] && d=$d/pids; mkdir $d/x 2>&1 && rmdir $d/x"
    script = f"{place} && echo made"
    assert "Read-only" in attempt.run(wherry, script)
    asked = ("--security-opt", "writable-cgroups=true")
    assert "made" in attempt.run(wherry, script, *asked)
    refused = ("--security-opt", "writable-cgroups=false")
    assert "Read-only" in attempt.run(wherry, script, *_EVERYTHING, *refused)
    assert "made" in attempt.run(wherry, script, *_EVERYTHING)


@LANDLOCK
def test_landlock_holds_a_privileged_container(wherry: Engine) -> None:
    script = "cat /etc/hosts; mount --bind /etc /tmp; echo x >/tmp/x; cat /tmp/x; : >/dev/null"
    free = attempt.run(wherry, script, *_EVERYTHING)
    assert "localhost" in free
    assert free.endswith("x\n")
    held = attempt.run(wherry, script, *_EVERYTHING, "--security-opt", _RULES).splitlines()
    assert held[0] == "x"
    assert "Permission denied" in held[1]
    assert len(held) == 3


@LANDLOCK
def test_landlock_holds_execs_of_every_kind(wherry: Engine) -> None:
    with attempt.running(wherry, "sleep 1000", "--security-opt", _RULES) as name:
        for options in ((), ("--privileged",), ("--user", "1000")):
            done = wherry.docker("exec", *options, name, "cat", "/etc/hosts")
            assert done.returncode == 1
            assert b"Permission denied" in done.stderr
        assert "bin" in wherry.output("exec", name, "readlink", "/proc/self/exe")


@LANDLOCK
def test_landlock_after_a_restart_of_the_container(wherry: Engine) -> None:
    with attempt.running(wherry, "sleep 1000", "--security-opt", _RULES) as name:
        wherry.output("restart", "--time", "0", name)
        assert wherry.docker("exec", name, "cat", "/etc/hosts").returncode == 1


@LANDLOCK
def test_landlock_covers_binds_and_volumes(wherry: Engine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("secret")
    volumes = ("-v", f"{tmp_path}:/host", "-v", f"{tmp_path}:/seen:ro")
    script = "cat /host/file 2>/dev/null; cat /tmp/../host/file 2>/dev/null; echo end"
    rules = ("--security-opt", _RULES)
    assert attempt.run(wherry, script, *volumes[:2], *rules) == "end\n"
    # A rule holds for the files, by whatever path they are reached: docs/security-options.md.
    seen = ("--security-opt", f"{_RULES},ro:/seen")
    assert attempt.run(wherry, script, *volumes, *seen).startswith("secret")


@LANDLOCK
def test_landlock_rules_of_a_file(wherry: Engine, tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"ro": ["/bin", "-/nowhere"], "rw": ["/tmp"]}))
    script = "echo x >/tmp/x && cat /tmp/x /etc/hosts"
    option = ("--security-opt", f"landlock={rules}")
    done = run(wherry, *option, "busybox", "sh", "-c", script)
    assert done.stdout == b"x\n"
    assert b"Permission denied" in done.stderr


@LANDLOCK
def test_landlock_in_a_user_namespace(wherry: Engine) -> None:
    words = ("--userns=auto", "--security-opt", _RULES, "busybox", "sh", "-c")
    done = run(wherry, *words, "echo x >/tmp/x && cat /tmp/x /proc/self/uid_map /etc/hosts")
    assert done.stdout.startswith(b"x\n")
    assert len(done.stdout.splitlines()) == 2
    assert b"Permission denied" in done.stderr


@LANDLOCK
def test_landlock_tells_what_is_wrong(wherry: Engine) -> None:
    for rules, words in (
        ("ro:/nowhere", b"no such path"),
        ("rw:/tmp", b"must allow the program"),
    ):
        options = ("run", "--rm", "--network", "none", "--security-opt", f"landlock={rules}")
        done = wherry.docker(*options, "busybox", "true")
        assert done.returncode in (125, 126, 128), done
        assert words in done.stderr
