"""SELinux in a kernel that enforces a policy: containers kept apart, files relabelled."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guest.engines import Guest, started

RUN = ("run", "--rm", "--network", "none")
WHICH = ("cat", "/proc/self/attr/current")
PROCESS = re.compile(r"system_u:system_r:container_t:(s0:c\d+,c\d+)\0?")
HOST_FILE = "system_u:object_r:host_file_t:s0"
OPEN = ("--security-opt", "label=disable")


@pytest.fixture(scope="module")
def engine() -> Iterator[Guest]:
    contexts = Path("/etc/selinux/small/contexts")
    contexts.mkdir(parents=True)
    Path("/etc/selinux/config").write_text("SELINUX=enforcing\nSELINUXTYPE=small\n")
    (contexts / "lxc_contexts").write_text(
        'process = "system_u:system_r:container_t:s0"\n'
        'file = "system_u:object_r:container_file_t:s0"\n'
        'ro_file = "system_u:object_r:container_ro_file_t:s0"\n'
    )
    with started() as made:
        yield made


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("host")
    os.symlink("/etc/passwd", tmp_path / "link")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/file").write_text("deep")
    return tmp_path


def label(path: Path | str) -> str:
    return os.getxattr(path, "security.selinux", follow_symlinks=False).rstrip(b"\0").decode()


def level_of(context: str) -> str:
    found = PROCESS.fullmatch(context)
    assert found, context
    return found[1]


def test_the_policy_is_enforced() -> None:
    assert Path("/sys/fs/selinux/enforce").read_text() == "1"
    assert Path("/proc/self/attr/current").read_text().startswith("system_u:system_r:host_t:s0")


def test_info_tells_it(engine: Guest) -> None:
    assert "name=selinux" in engine.say("info", "--format", "{{.SecurityOptions}}")


def test_each_container_has_a_level_of_its_own(engine: Guest) -> None:
    levels = {level_of(engine.say(*RUN, "busybox", *WHICH)) for _ in range(3)}
    assert len(levels) == 3


def test_inspect_and_execs(engine: Guest) -> None:
    engine.say("run", "-d", "--name", "life", "--network", "none", "busybox", "sleep", "1000")
    known = engine.inspect("life")
    level = level_of(known["ProcessLabel"])
    assert known["MountLabel"] == f"system_u:object_r:container_file_t:{level}"
    assert level_of(engine.say("exec", "life", *WHICH)) == level
    engine.say("restart", "-t", "0", "life")
    assert level_of(engine.say("exec", "life", *WHICH)) == level
    joined = engine.say(*RUN, "--ipc", "container:life", "busybox", *WHICH)
    assert level_of(joined) == level
    engine.say("rm", "-f", "life")


def test_unlabelled_where_asked_and_where_privileged(engine: Guest) -> None:
    for options in (OPEN, ("--privileged",), ("--pid", "host")):
        assert ":host_t:" in engine.say(*RUN, *options, "busybox", *WHICH)


def test_options_of_labels(engine: Guest) -> None:
    option = ("--security-opt", "label=level:s0:c7,c8")
    assert level_of(engine.say(*RUN, *option, "busybox", *WHICH)) == "s0:c7,c8"
    bad = ("--security-opt", "label=color:red")
    assert "bad label option" in engine.say(*RUN, *bad, "busybox", "true", status=125)
    unknown = ("--security-opt", "label=type:nosuch_t")
    assert "nosuch_t" in engine.say(*RUN, *unknown, "busybox", "true", status=125)


def test_its_own_files_are_its_own(engine: Guest) -> None:
    script = "echo x >/x; cat /x /etc/hostname >/dev/null; echo y >/dev/shm/y; ls /proc >/dev/null"
    engine.say(*RUN, "busybox", "sh", "-ec", script)
    engine.say(*RUN, "--read-only", "--tmpfs", "/t", "busybox", "sh", "-ec", "echo x >/t/x")


def test_the_host_s_files_are_not(engine: Guest, directory: Path) -> None:
    volume = ("-v", f"{directory}:/h")
    said = engine.say(*RUN, *volume, "busybox", "cat", "/h/file", status=1)
    assert "Permission denied" in said
    assert engine.say(*RUN, *volume, *OPEN, "busybox", "cat", "/h/file") == "host"


def test_relabelled_for_one_and_for_all(engine: Guest, directory: Path) -> None:
    passwd = label("/etc/passwd")
    read = ("cat", "/h/file", "/h/sub/file")
    engine.say("run", "-d", "--name", "owner", "--network", "none", "-v", f"{directory}:/h:Z",
               "busybox", "sleep", "1000")  # fmt: skip
    assert engine.say("exec", "owner", *read) == "hostdeep"
    assert label(directory / "link") == label(directory) == engine.inspect("owner")["MountLabel"]
    other = ("-v", f"{directory}:/h")
    assert "denied" in engine.say(*RUN, *other, "busybox", *read, status=1)
    assert engine.say(*RUN, "-v", f"{directory}:/h:z", "busybox", *read) == "hostdeep"
    assert label(directory / "sub/file") == "system_u:object_r:container_file_t:s0"
    assert engine.say(*RUN, *other, "busybox", *read) == "hostdeep"
    assert label("/etc/passwd") == passwd  # the link was not followed
    engine.say("rm", "-f", "owner")


def test_directories_of_the_system_are_not_relabelled(engine: Guest) -> None:
    said = engine.say(*RUN, "-v", "/etc:/h:z", "busybox", "true", status=125)
    assert "SELinux relabeling of /etc is not allowed" in said
    assert label("/etc") == HOST_FILE


def test_volumes_are_shared(engine: Guest) -> None:
    for script in ("echo x >/v/x", "cat /v/x"):
        engine.say(*RUN, "-v", "shared:/v", "busybox", "sh", "-c", script)
    engine.say("volume", "rm", "shared")


def test_a_terminal(engine: Guest) -> None:
    with engine.connect() as connection:
        body = {"Image": "busybox", "Cmd": ["sh", "-c", "echo x >/dev/tty"], "Tty": True,
                "HostConfig": {"NetworkMode": "none"}}  # fmt: skip
        id = connection.request("POST", "/containers/create", body).json()["Id"]
        assert connection.request("POST", f"/containers/{id}/start").status == 204
        assert connection.request("POST", f"/containers/{id}/wait").json()["StatusCode"] == 0
    engine.say("rm", id)
