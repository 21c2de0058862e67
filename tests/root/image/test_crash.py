"""A process that is killed while it loads: the next start finds nothing of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.root.image.harness import Engine, file, tar
from tests.root.image.test_archives import config, docker_archive

ROOT = Path(__file__).parents[3]
LOAD = """
import sys
from pathlib import Path
from tests.root.image.harness import Engine
print("ready", flush=True)
engine = Engine(Path(sys.argv[1]))
engine.load(Path(sys.argv[2]))
print("loaded", flush=True)
"""


@pytest.mark.parametrize("moment", [0.0, 0.02, 0.1, 0.2, 0.4, 0.8])
def test_a_kill_while_loading(tmp_path: Path, moment: float) -> None:
    layers = [
        tar([file(f"{number}/{index}", b"x" * 3000) for index in range(1500)])
        for number in range(3)
    ]
    archive = tmp_path / "archive.tar"
    archive.write_bytes(docker_archive((["a:1"], config(*layers), layers)))
    command = [sys.executable, "-c", LOAD, os.fspath(tmp_path / "engine"), os.fspath(archive)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        loaded = process.stdout.read() == "loaded\n"
    _wait_for_workers(tmp_path)
    engine = Engine(tmp_path / "engine")
    try:
        names = [tag for image in engine.images.images() for tag in image.tags]
        if loaded or names:
            assert names == ["docker.io/library/a:1"]
            assert [b"".join(engine.layers.tar(one.diff_id)) in layers for one in
                    engine.layers.all()] == [True] * 3  # fmt: skip
            engine.images.delete(engine.images.resolve("a:1").id)
        for image in list(engine.images.images()):  # killed between the image and its name
            engine.images.delete(image.id)
        assert engine.nothing_left()
    finally:
        engine.stores.close()


def _wait_for_workers(tmp_path: Path) -> None:
    """They die with their parent, as soon as the kernel gets to it."""
    deadline = time.monotonic() + 30
    while _mentioning(os.fspath(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _mentioning(os.fspath(tmp_path))


def _mentioning(text: str) -> list[str]:
    found: list[str] = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if text.encode() in command:
            found.append(pid)
    return found
