"""AppArmor in a kernel that enforces it: the default profile loaded, held to, and others'."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guest.engines import Guest, started
from wherry.engine.containers import apparmor
from wherry.engine.containers.apparmor import DEFAULT, AppArmor

RUN = ("run", "--rm", "--network", "none")
WHICH = ("cat", "/proc/self/attr/apparmor/current")
POWERFUL = ("--cap-add", "SYS_ADMIN", "--security-opt", "systempaths=unconfined")
FREE = ("--security-opt", "apparmor=unconfined")
NO_WRITES = 'profile "no-writes" flags=(attach_disconnected) { file, deny /tmp/** w, }\n'
PROFILES = Path("/sys/kernel/security/apparmor/profiles")


@pytest.fixture(scope="module")
def engine() -> Iterator[Guest]:
    with started() as made:
        yield made


def load(profile: str, how: str = "--replace") -> None:
    subprocess.run(
        ["apparmor_parser", "--quiet", how], input=profile.encode(), check=True, timeout=60
    )


def test_info_tells_it(engine: Guest) -> None:
    assert "name=apparmor" in engine.say("info", "--format", "{{.SecurityOptions}}")


def test_containers_run_under_the_default(engine: Guest) -> None:
    assert engine.say(*RUN, "busybox", *WHICH) == f"{DEFAULT} (enforce)"
    assert f"{DEFAULT} (enforce)" in PROFILES.read_text()
    named = ("--security-opt", "apparmor=docker-default")
    assert engine.say(*RUN, *named, "busybox", *WHICH) == f"{DEFAULT} (enforce)"


def test_unconfined_where_asked_and_where_privileged(engine: Guest) -> None:
    assert engine.say(*RUN, *FREE, "busybox", *WHICH) == "unconfined"
    assert engine.say(*RUN, "--privileged", "busybox", *WHICH) == "unconfined"
    both = ("--privileged", "--security-opt", f"apparmor={DEFAULT}")
    assert engine.say(*RUN, *both, "busybox", *WHICH) == f"{DEFAULT} (enforce)"


def test_execs_and_inspect(engine: Guest) -> None:
    engine.say("run", "-d", "--name", "life", "--network", "none", "busybox", "sleep", "1000")
    assert engine.say("exec", "life", *WHICH) == f"{DEFAULT} (enforce)"
    assert engine.say("exec", "--privileged", "life", *WHICH) == f"{DEFAULT} (enforce)"
    assert engine.inspect("life")["AppArmorProfile"] == DEFAULT
    engine.say("exec", "life", "sh", "-c", "sleep 100 & kill $!")  # signals among themselves
    engine.say("kill", "life")  # and from the engine
    engine.say("rm", "life")


def attempt(engine: Guest, script: str, *options: str) -> str:
    """Try it with every mask lifted, so that the profile is the only wall."""
    words = (*POWERFUL, "--volume", "/sys:/sys", *options)
    return engine.say(*RUN, *words, "busybox", "sh", "-c", f"{script} 2>&1 && echo DONE; true")


@pytest.mark.parametrize(
    "script",
    [
        "mount -t tmpfs x /tmp",
        "mount --bind /etc /tmp",
        "echo 0 >/proc/sys/kernel/panic_on_oops",
        "echo 1 >/proc/sys/vm/overcommit_memory",
        "echo 0 >/sys/kernel/mm/ksm/run",
    ],
)
def test_what_it_denies_and_nothing_else_does(engine: Guest, script: str) -> None:
    said = attempt(engine, script)
    assert "DONE" not in said
    assert "ermission denied" in said
    assert attempt(engine, script, *FREE) == "DONE"


@pytest.mark.parametrize("script", ["true >>/proc/sysrq-trigger", "true </proc/kcore"])
def test_what_is_not_tried_without_it(engine: Guest, script: str) -> None:
    said = attempt(engine, script)
    assert "DONE" not in said
    assert "ermission denied" in said


def test_what_it_allows(engine: Guest) -> None:
    script = "echo 1 >/proc/self/oom_score_adj; echo x >/tmp/x; chown 1 /tmp/x; ls /sys >/dev/null"
    engine.say(*RUN, "busybox", "sh", "-ec", script)
    shm = ("--sysctl", "kernel.shmmni=100", "busybox", "cat", "/proc/sys/kernel/shmmni")
    assert engine.say(*RUN, *shm) == "100"


def test_a_profile_of_the_user_s(engine: Guest) -> None:
    load(NO_WRITES)
    mine = ("--security-opt", "apparmor=no-writes", "busybox")
    assert engine.say(*RUN, *mine, *WHICH) == "no-writes (enforce)"
    said = engine.say(*RUN, *mine, "sh", "-c", "echo x >/tmp/x", status=1)
    assert "Permission denied" in said
    load(NO_WRITES, "--remove")


def test_a_profile_that_nobody_loaded(engine: Guest) -> None:
    said = engine.say(*RUN, "--security-opt", "apparmor=nosuch", "busybox", "true", status=127)
    assert "unable to apply apparmor profile" in said
    assert "nosuch" in said


def test_the_default_comes_back_when_it_was_unloaded(engine: Guest) -> None:
    AppArmor().ensure(DEFAULT)
    load(apparmor.text("unconfined"), "--remove")
    assert DEFAULT not in PROFILES.read_text()
    assert engine.say(*RUN, "busybox", *WHICH) == f"{DEFAULT} (enforce)"


def test_no_new_privileges_keeps_the_profile(engine: Guest) -> None:
    option = ("--security-opt", "no-new-privileges")
    assert engine.say(*RUN, *option, "busybox", *WHICH) == f"{DEFAULT} (enforce)"
