"""CDI devices in real containers, by the docker command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import running
from tests.engines import Engine

LOOK = "ls -l /dev/card; echo $CARD; cat /opt/driver; id -G; echo x > /dev/card; echo $?"


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Path]]:
    directory = tmp_path_factory.mktemp("cdi")
    directory.chmod(0o755)
    with running("wherry", [f"--cdi-spec-dir={directory}"]) as engine:
        yield engine, directory


def describe(directory: Path, **edits: Any) -> None:
    driver = directory / "driver"
    driver.write_text("driver\n")
    whole = {
        "env": ["CARD=zero"],
        "deviceNodes": [{"path": "/dev/card", "hostPath": "/dev/null"}],
        "mounts": [
            {"hostPath": str(driver), "containerPath": "/opt/driver", "options": ["ro", "bind"]}
        ],
        "additionalGids": [4711],
        **edits,
    }
    device = {"name": "0", "containerEdits": whole}
    text = {"cdiVersion": "0.7.0", "kind": "vendor.com/card", "devices": [device]}
    (directory / "card.json").write_text(json.dumps(text))


@pytest.mark.parametrize("options", [[], ["--runtime=crun"], ["--cap-drop=ALL"]])
def test_a_device_with_all_of_its_edits(described: tuple[Engine, Path], options: list[str]) -> None:
    engine, directory = described
    if "--runtime=crun" in options and shutil.which("crun") is None:
        pytest.skip("crun is not installed")
    describe(directory)
    words = ("run", "--rm", "--device", "vendor.com/card=0", *options, "busybox", "sh", "-c", LOOK)
    lines = engine.output(*words).splitlines()
    assert lines[0].startswith("crw")
    assert lines[1:3] == ["zero", "driver"]
    assert "4711" in lines[3].split()
    assert lines[4] == "0"


def test_the_files_are_read_at_every_start(described: tuple[Engine, Path]) -> None:
    engine, directory = described
    describe(directory)
    words = ("--device=vendor.com/card=0", "busybox", "sh", "-c", "echo $CARD")
    name = engine.output("create", *words)
    describe(directory, env=["CARD=one"])
    assert engine.output("start", "-a", name) == "one"
    (directory / "card.json").unlink()
    done = engine.docker("start", "-a", name)
    assert b"unresolvable CDI devices vendor.com/card=0" in done.stderr
    engine.output("rm", name)


def test_what_cannot_be_given(described: tuple[Engine, Path]) -> None:
    engine, directory = described
    describe(directory, hooks=[{"hookName": "createContainer", "path": "/bin/true"}])
    for words, complaint in (
        (["--device=vendor.com/card=9"], b"unresolvable CDI devices vendor.com/card=9"),
        (["--device=vendor.com/card=0"], b"needs hooks"),
        (["--gpus=all"], b"could not select device driver"),
    ):
        done = engine.docker("run", "--rm", *words, "busybox", "true")
        assert done.returncode == 125
        assert complaint in done.stderr
    assert not engine.output("ps", "-aq")
    if shutil.which("runc"):
        words = ["run", "--rm", "--runtime=runc", "--device=vendor.com/card=0", "busybox"]
        assert engine.output(*words, "sh", "-c", "echo $CARD") == "zero"


def test_info_tells_of_devices(described: tuple[Engine, Path]) -> None:
    engine, directory = described
    describe(directory)
    with engine.connect() as api:
        told = api.request("GET", "/info").json()
    assert told["CDISpecDirs"] == [str(directory)]
    assert told["DiscoveredDevices"] == [{"Source": "cdi", "ID": "vendor.com/card=0"}]
