"""A bind source that is missing, in both profiles, asked for by users other than root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import running
from tests.engines import Engine


@pytest.fixture(scope="module", params=["docker", "wherry"])
def profiled(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with running("wherry", [f"--profile={request.param}"]) as engine:
        engine.root.chmod(0o711)
        engine.socket.chmod(0o666)
        yield engine


def as_user(engine: Engine, *words: str) -> subprocess.CompletedProcess[str]:
    become = ["setpriv", "--reuid=4711", "--regid=4712", "--clear-groups"]
    environment = {"PATH": os.environ["PATH"], "DOCKER_HOST": engine.host}
    return subprocess.run(
        [*become, "docker", *words], env=environment, capture_output=True, text=True, check=False
    )


def _refuses(engine: Engine) -> bool:
    return "profile=wherry" in engine.output("info", "-f", "{{.SecurityOptions}}")


def test_missing_source(profiled: Engine, tmp_path: Path) -> None:
    source = tmp_path / "site" / "app.conf"
    done = as_user(profiled, "run", "--rm", "-v", f"{source}:/etc/app.conf", "busybox", "true")
    if _refuses(profiled):
        assert done.returncode == 125, done
        assert f"bind source path does not exist: {source}" in done.stderr
        assert "profile" in done.stderr
        assert not source.parent.exists()
        assert profiled.output("ps", "-aq") == ""
        return
    assert done.returncode == 0, done
    assert "looks like a file" in done.stderr
    assert source.is_dir()
    for made in (source, source.parent):
        assert (made.stat().st_uid, made.stat().st_gid) == (4711, 4712)
