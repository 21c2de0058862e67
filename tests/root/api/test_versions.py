"""The docker command line at each age of the API, against the real engine."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.engines import Engine

# docker 28 itself speaks down to 1.24.
VERSIONS = ("1.24", "1.30", "1.41", "1.42", "1.44", "1.50")


def docker(engine: Engine, version: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = engine.environment | {"DOCKER_API_VERSION": version}
    return subprocess.run(
        ["docker", *arguments], env=environment, capture_output=True, text=True, timeout=120,
        input="said\n", check=False,
    )  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_run_exec_and_lists(wherry: Engine, version: str) -> None:
    name = f"v{version.replace('.', '-')}-{os.getpid()}"
    # Not --rm: below 1.25 the client removes, and sometimes cancels its own request.
    script = "cat; echo e >&2; exit 5"
    run = docker(wherry, version, "run", "-i", "--name", name, "busybox", "sh", "-c", script)
    assert docker(wherry, version, "rm", name).returncode == 0
    assert (run.returncode, run.stdout, run.stderr) == (5, "said\n", "e\n")
    started = docker(wherry, version, "run", "-d", "--name", name, "busybox", "sleep", "1000")
    assert started.returncode == 0, started.stderr
    try:
        done = docker(wherry, version, "exec", "-i", name, "cat")
        assert (done.returncode, done.stdout) == (0, "said\n"), done.stderr
        assert name in docker(wherry, version, "ps").stdout
        assert "busybox" in docker(wherry, version, "images").stdout
        assert docker(wherry, version, "logs", name).returncode == 0
        shown = json.loads(docker(wherry, version, "inspect", name).stdout)
        assert shown[0]["Name"] == f"/{name}"
        image = json.loads(docker(wherry, version, "image", "inspect", "busybox").stdout)[0]
        assert ("VirtualSize" in image) == (version < "1.44")
    finally:
        assert docker(wherry, version, "rm", "-f", name).returncode == 0
