"""CVE-2021-30465 and its kin: what a mount is made at, or of, is swapped for a link meanwhile.

Also the equals, without a builder, of what was found in BuildKit: CVE-2024-23651 (a part of a cache
is mounted while another build swaps it for a link: here, a part of a volume) and CVE-2024-23652
(what is removed after a mount was swapped for a link: here, mount points, volumes, containers).
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engines import Engine
from tests.root.escapes import attempt

# Two names change places all the time: a directory, and a link to where it must not lead.
_SWAP = (
    "mkdir -p /v/real/in; echo harmless > /v/real/file; ln -s {out} /v/link; touch /v/ready; "
    "while :; do mv /v/real /v/place; mv /v/place /v/real; "
    "mv -T /v/link /v/place; mv -T /v/place /v/link; done"
)
_TRIES = 25


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A directory of the host that must stay as it is."""
    made = tmp_path / "outside"
    (made / "in").mkdir(parents=True)
    (made / "file").write_text("secret")
    yield made
    assert sorted(path.name for path in made.rglob("*")) == ["file", "in"]
    assert (made / "file").read_text() == "secret"


@pytest.fixture
def volume(wherry: Engine) -> Iterator[str]:
    name = f"race-{uuid.uuid4().hex[:12]}"
    wherry.output("volume", "create", name)
    yield name
    wherry.output("volume", "rm", "--force", name)


@contextmanager
def swapping(engine: Engine, volume: str, outside: Path) -> Iterator[None]:
    """A container that swaps `place` in a volume; its link leads far up, then to the host's."""
    out = "../" * 12 + str(outside).lstrip("/")
    script = _SWAP.format(out=out)
    with attempt.running(engine, script, "--volume", f"{volume}:/v") as name:
        engine.output("exec", name, "sh", "-c", "until [ -e /v/ready ]; do sleep 0.02; done")
        yield


def test_target_of_a_mount(wherry: Engine, volume: str, outside: Path, tmp_path: Path) -> None:
    """CVE-2021-30465: the mount lands in the container, or nowhere."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "mine").write_text("")
    mount = f"type=bind,source={source},target=/v/place/in"
    words = ("--network", "none", "--volume", f"{volume}:/v", "--mount", mount, "busybox")
    script = "cat /file /v/place/in/../file 2>/dev/null; echo done"
    with swapping(wherry, volume, outside):
        done = [wherry.docker("run", "--rm", *words, "sh", "-c", script) for _ in range(_TRIES)]
    for each in done:
        assert b"secret" not in each.stdout, each
        assert each.returncode >= 125 or each.stdout.endswith(b"done\n"), each
    assert [each for each in done if each.returncode == 0], "no container ever started"


def test_part_of_a_volume(wherry: Engine, volume: str, outside: Path) -> None:
    """CVE-2024-23651: what is mounted is in the volume, whatever its name leads to."""
    mount = f"type=volume,source={volume},target=/m,volume-subpath=place"
    words = ("--network", "none", "--mount", mount, "busybox", "cat", "/m/file")
    with swapping(wherry, volume, outside):
        done = [wherry.docker("run", "--rm", *words) for _ in range(_TRIES)]
    said = {each.stdout for each in done if each.returncode == 0}
    assert said <= {b"harmless\n"}, said
    assert not [each for each in done if b"secret" in each.stdout + each.stderr]


def test_removal_follows_no_link(wherry: Engine, outside: Path, tmp_path: Path) -> None:
    """CVE-2024-23652: mount points that the engine made are links when the container goes."""
    source = tmp_path / "source"
    source.mkdir()
    name = f"gone-{uuid.uuid4().hex[:12]}"
    script = f"rm -rf /v/*; ln -s {outside} /v/a; rm -rf /w; ln -s {outside} /w; ln -s / /r"
    words = ("--network", "none", "--volume", "/v", "--volume", f"{source}:/v/a/in", "busybox")
    wherry.docker("run", "--name", name, *words, "sh", "-c", f"umount /v/a/in; {script}; true")
    wherry.output("rm", "--force", "--volumes", name)
    volume = f"gone-{uuid.uuid4().hex[:12]}"
    words = ("--rm", "--network", "none", "--volume", f"{volume}:/v", "busybox")
    wherry.output("run", *words, "sh", "-c", f"ln -s {outside} /v/a; ln -s {outside}/in /v/b")
    wherry.output("volume", "rm", volume)


_NAIVE = """
import os, sys
root, outside = sys.argv[1:]

def joined(path):
    # Every link is read and judged, and then the path is used: what runc did before its mounts.
    found = root
    for name in path.split("/"):
        found = os.path.join(found, name)
        try:
            target = os.readlink(found)
        except OSError:
            continue
        found = os.path.join(root, os.path.normpath("/" + target).lstrip("/"))
    return found

for _ in range(200_000):
    try:
        os.mkdir(joined("v/place/in") + "/new")
    except OSError:
        continue
    if os.path.isdir(os.path.join(outside, "in/new")):
        print("OUT")
        break
"""
_SWAPPER = """
import os, sys
os.chdir(sys.argv[1])
while True:
    os.rename("real", "place"); os.rename("place", "real")
    os.rename("link", "place"); os.rename("place", "link")
"""


def test_judging_the_path_first_would_lead_out(tmp_path: Path) -> None:
    """Shows that the attempt is one: the same swaps against a path that is judged, then used."""
    root, outside = tmp_path / "root", tmp_path / "out"
    (root / "v/real/in").mkdir(parents=True)
    (outside / "in").mkdir(parents=True)
    (root / "v/link").symlink_to(outside)
    swapper = subprocess.Popen([sys.executable, "-c", _SWAPPER, str(root / "v")])
    try:
        done = subprocess.run(
            [sys.executable, "-c", _NAIVE, str(root), str(outside)],
            capture_output=True, text=True, timeout=150, check=False,
        )  # fmt: skip
    finally:
        swapper.kill()
        swapper.wait()
    assert done.stdout == "OUT\n", done
    assert os.path.isdir(outside / "in/new")
