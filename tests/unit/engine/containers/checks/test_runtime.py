"""Which runtime a container gets, and what is refused for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wherry.engine.containers.checks import runtime
from wherry.engine.containers.config import DeviceMapping, HostConfig
from wherry.engine.containers.foreign.programs import OciProgram, Programs, RuntimeSettings
from wherry.errors import Invalid


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """crun and runsc are on PATH, runc is not; `mine` is a setting."""
    for name in ("crun", "runsc"):
        (tmp_path / name).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    mine = OciProgram("mine", str(tmp_path / "runsc"), ("--platform=kvm",))
    return Programs(RuntimeSettings({"mine": mine}))


@pytest.mark.parametrize("name", ["", "wherry", "io.containerd.runc.v2"])
def test_the_built_in_one(programs: Programs, name: str) -> None:
    assert programs.find(name) is None


def test_names_and_paths(programs: Programs, tmp_path: Path) -> None:
    crun = programs.find("crun")
    assert crun == OciProgram("crun", f"{tmp_path}/crun", ("--cgroup-manager=cgroupfs",))
    found = programs.find(f"{tmp_path}/crun")
    assert found is not None
    assert found.args == crun.args
    mine = programs.find("mine")
    assert mine is not None
    assert mine.args == ("--platform=kvm",)
    assert list(programs.listed()) == ["wherry", "crun", "runsc", "mine"]


@pytest.mark.parametrize("name", ["kata", "runc", "/no/such/runtime", "/etc/passwd"])
def test_what_is_not_there(programs: Programs, name: str) -> None:
    with pytest.raises(Invalid, match=f"unknown or invalid runtime name: {name}") as refused:
        programs.find(name)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [(("", ""), "wherry"), (("crun", "default"), "crun"), (("", "gVisor"), "runsc"),
     (("runsc", "gvisor"), "runsc"), (("", "process"), "wherry")],
)  # fmt: skip
def test_isolation_chooses_a_runtime(
    programs: Programs, asked: tuple[str, str], chosen: str
) -> None:
    assert programs.chosen(*asked) == chosen


@pytest.mark.parametrize(
    ("asked", "words"),
    [(("crun", "gvisor"), "needs the runtime runsc"), (("", "hyperv"), "invalid isolation")],
)
def test_isolation_that_cannot_be(programs: Programs, asked: tuple[str, str], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        programs.chosen(*asked)


def test_a_default_that_is_not_there() -> None:
    with pytest.raises(Invalid, match="specified default runtime 'kata' does not exist"):
        Programs(RuntimeSettings(default="kata")).check_default()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"pid_mode": "host"}, "--pid=host"),
        ({"ipc_mode": "container:x"}, "--ipc=container"),
        ({"binds": ("/srv:/srv:ro,rshared",)}, "shared and slave mounts"),
        ({"devices": (DeviceMapping("/dev/null", "/dev/null", "rwm"),)}, "--device"),
    ],
)
def test_what_a_sandbox_cannot_do(programs: Programs, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        runtime.check(HostConfig(runtime="mine", **fields), programs)
    runtime.check(HostConfig(runtime="crun", **fields), programs)


def test_namespaces_inside_of_a_sandbox_cannot_be_joined(programs: Programs) -> None:
    sandbox = programs.find("runsc")
    with pytest.raises(Invalid, match="cannot join the pid namespace of container abc"):
        runtime.check_lender("pid", "abc", sandbox)
    runtime.check_lender("network", "abc", sandbox)
    runtime.check_lender("pid", "abc", None)
