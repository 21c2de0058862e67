"""Base images from the distribution's packages."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import processes
from tests.root.image.harness import Engine
from wherry.errors import Invalid, Unavailable
from wherry.image import aptsources, bootstrap
from wherry.image.bootstrap import Bootstrap

EPOCH = "1700000000"
MIRROR = aptsources.mirror_of(aptsources.configured(), "debian", "bookworm")
needs_debootstrap = pytest.mark.skipif(
    shutil.which("debootstrap") is None or not MIRROR,
    reason="needs debootstrap and a Debian mirror in apt's configuration",
)


def made(request: Bootstrap) -> bytes:
    return b"".join(bootstrap.bootstrap(request, lambda line: None))


def cache() -> str:
    base = Path(os.environ.get("XDG_CACHE_HOME", Path(__file__).parents[3] / ".cache"))
    return str(base / "wherry-tests" / "packages")


@pytest.mark.skipif(not os.path.exists("/bin/busybox"), reason="needs busybox-static")
def test_busybox_is_reproducible_and_complete(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    archive = made(Bootstrap("busybox", name="bb:1"))
    assert made(Bootstrap("busybox", name="bb:1")) == archive
    (image,) = engine.load(archive)
    assert image.tags == ("docker.io/library/bb:1",)
    root = engine.layers.diff_path(image.layers[0])
    assert os.readlink(f"{root}/bin/sh") == "/bin/busybox"
    assert os.path.lexists(f"{root}/usr/bin/env")
    assert os.stat(f"{root}/tmp").st_mode & 0o7777 == 0o1777
    assert os.stat(f"{root}/etc/passwd").st_mtime == int(EPOCH)
    said = subprocess.run(["chroot", root, "/bin/id"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("uid=0(root) gid=0(root)")


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ("nosuch", "cannot bootstrap"),
        ("debian:nosuch", "knows no suite 'nosuch'"),
        ("debian:../../etc", "invalid reference"),
        ("fedora:40", "cannot bootstrap"),
    ],
)
def test_unknown_systems_and_suites(image: str, text: str) -> None:
    with pytest.raises(Invalid, match=text):
        made(Bootstrap(image))


def test_debootstrap_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(Unavailable, match="apt-get install debootstrap"):
        made(Bootstrap("debian:bookworm"))


@needs_debootstrap
def test_no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aptsources, "configured", list)
    with pytest.raises(Invalid, match="--mirror"):
        made(Bootstrap("debian:bookworm"))


@needs_debootstrap
def test_a_mirror_that_does_not_answer() -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
        made(Bootstrap("debian:bookworm", mirror="http://127.0.0.1:1/debian"))


KILLED = """
import sys
from wherry.image.bootstrap import Bootstrap, bootstrap
for portion in bootstrap(Bootstrap("debian:bookworm"), lambda line: print(line, flush=True)):
    pass
"""


@needs_debootstrap
def test_a_kill_leaves_nothing() -> None:
    mounted = Path("/proc/self/mounts").read_text().count(" /dev/shm ")
    command = [sys.executable, "-c", KILLED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        running = _descendants(process.pid)
        assert running
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 60
    while any(_runs(pid) for pid in running) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in running if _runs(pid)]
    assert Path("/proc/self/mounts").read_text().count(" /dev/shm ") == mounted
    assert not os.path.exists("/dev/shm/root")


def _runs(pid: int) -> bool:
    """A zombie has ended: a subreaper that other tests made of this process may still hold it."""
    return os.path.exists(f"/proc/{pid}") and not processes.is_zombie(pid)


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in map(int, children):
        found += [child, *_descendants(child)]
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
@needs_debootstrap
@pytest.mark.skipif(not os.environ.get("WHERRY_LONG"), reason="slow: WHERRY_LONG=1 runs it")
def test_debian_is_reproducible_and_clean(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    request = Bootstrap("debian:bookworm", cache=cache())
    (first,) = engine.load(made(request))
    (second,) = engine.load(made(request))
    assert first.id == second.id
    root = Path(engine.layers.diff_path(first.layers[0]))
    assert f"deb {MIRROR} bookworm main\n" in (root / "etc/apt/sources.list").read_text()
    assert (root / "etc/machine-id").read_bytes() == b""
    for empty in ("var/lib/apt/lists", "var/cache/apt/archives/partial", "dev", "tmp", "run"):
        assert os.listdir(root / empty) == []
    assert list((root / "var/log").iterdir()) in ([], [root / "var/log/apt"])
    newest = max(path.lstat().st_mtime for path in root.rglob("*"))
    assert newest <= int(EPOCH)
