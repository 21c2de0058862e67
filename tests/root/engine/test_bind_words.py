"""Binds whose words depend on the host: propagation, and owners by the profile's default."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import running
from tests.engines import Engine


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A mount that takes part in propagation."""
    place = tmp_path / "shared"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(place)], check=True)
    subprocess.run(["mount", "--make-shared", str(place)], check=True)
    yield place
    subprocess.run(["umount", "-R", str(place)], check=True)


@pytest.mark.parametrize("word", ["rshared", "rslave"])
def test_mounts_pass_on(wherry: Engine, mounted: Path, word: str) -> None:
    (mounted / "below").mkdir()
    script = "until test -e /m/below/there; do sleep 0.05; done; cat /m/below/there"
    name = wherry.output("run", "-d", "-v", f"{mounted}:/m:{word}", "busybox", "sh", "-c", script)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(mounted / "below")], check=True)
    (mounted / "below" / "there").write_text("seen")
    assert wherry.output("wait", name) == "0"
    assert wherry.output("logs", name) == "seen"
    wherry.output("rm", name)


def test_a_private_mount_passes_nothing_on(wherry: Engine, mounted: Path) -> None:
    subprocess.run(["mount", "--make-private", str(mounted)], check=True)
    done = wherry.docker("run", "--rm", "-v", f"{mounted}:/m:shared", "busybox", "true")
    assert done.returncode == 125
    assert f"path {mounted} is mounted on {mounted} but it is not a shared mount" in (
        done.stderr.decode()
    )


@pytest.fixture(scope="module", params=["auto", "host"])
def profiled(request: pytest.FixtureRequest) -> Iterator[Engine]:
    words = ["--profile=wherry", f"--userns={request.param}"]
    with running("wherry", words) as engine:
        engine.root.chmod(0o711)
        engine.socket.chmod(0o666)
        yield engine


@pytest.mark.parametrize("user", ["0", "app"])
def test_the_callers_files_are_the_users(profiled: Engine, tmp_path: Path, user: str) -> None:
    source = tmp_path / "mine"
    source.mkdir()
    (source / "old").touch()
    for path in (source, source / "old"):
        os.chown(path, 4711, 4712)
    (source / "root").touch(0o600)
    for path in tmp_path.parents:
        if path.stat().st_mode & 0o001 == 0 and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o011)
    tmp_path.chmod(0o755)
    become = ["setpriv", "--reuid=4711", "--regid=4712", "--clear-groups", "docker"]
    script = "stat -c %u /d/old; touch /d/new; stat -c %u /d/new; cat /d/root 2>&1"
    words = ["run", "--rm", "-u", user, "-v", f"{source}:/d", "busybox", "sh", "-c", script]
    environment = {"PATH": os.environ["PATH"], "DOCKER_HOST": profiled.host}
    done = subprocess.run(
        [*become, *words], env=environment, capture_output=True, text=True, check=False
    )
    number = "0" if user == "0" else "1000"
    assert done.stdout.splitlines()[:2] == [number, number], done
    assert (source / "new").stat().st_uid == 4711
    in_range = "userns" in profiled.output("info", "-f", "{{.SecurityOptions}}")
    if in_range or user == "app":
        assert "Permission denied" in done.stdout
