"""docker-py and wherry's own command line pull and push through each engine."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines import Engine
from tests.registries import DockerRegistry
from tests.terminal import Terminal

WHERRY = [sys.executable, "-I", "-c", "from wherry.cli.main import main; main()"]
pytestmark = pytest.mark.skipif(
    not DockerRegistry.is_installed(), reason="docker-registry (Debian) is not installed"
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with DockerRegistry(tmp_path_factory.mktemp("registry")) as made:
        yield made


@pytest.fixture
def name(registry: DockerRegistry) -> str:
    return f"{registry.address}/clients/{uuid.uuid4().hex[:8]}"


def test_docker_py(engine: Engine, name: str) -> None:
    docker = pytest.importorskip("docker", reason="docker-py is not installed")
    client: Any = docker.DockerClient(base_url=engine.host, version="auto", timeout=60)
    image = client.images.get("busybox")
    assert image.tag(name, "1")
    told = list(client.images.push(name, "1", stream=True, decode=True))
    sent = next(line["aux"] for line in told if "aux" in line)
    assert sent["Tag"] == "1" and sent["Digest"].startswith("sha256:")
    client.images.remove(f"{name}:1")
    pulled = client.images.pull(name, "1")
    assert pulled.id == image.id
    assert f"{name}@{sent['Digest']}" in pulled.attrs["RepoDigests"]
    assert [one.id for one in client.images.pull(name, all_tags=True)] == [image.id]
    with pytest.raises(docker.errors.NotFound):
        client.images.pull(name, "nosuch")
    failed = list(client.images.push(name, "nosuch", stream=True, decode=True))
    assert "tag does not exist" in failed[-1]["error"]
    client.images.remove(f"{name}:1")
    client.close()


def test_wherry(wherry: Engine, name: str) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        command = [*WHERRY, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=wherry.environment)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    run("tag", "busybox", f"{name}:1")
    assert f"The push refers to repository [{name}]" in run("push", f"{name}:1")
    assert run("push", "-q", f"{name}:1") == f"{name}:1\n"
    run("rmi", f"{name}:1")
    assert f"Downloaded newer image for {name}:1" in run("pull", f"{name}:1")
    assert run("pull", "-q", "-a", name) == f"{name}\n"
    assert "cannot be used" not in run("image", "inspect", "--platform", "linux/amd64", name + ":1")
    tree = run("images", "--tree")
    assert tree.startswith("IMAGE") and f"{name}:1" in tree
    assert "not found" in run("pull", f"{name}:nosuch", code=1)
    run("rmi", f"{name}:1")
    assert "Total reclaimed space" in run("image", "prune", "-f")


def test_wherry_on_a_terminal(wherry: Engine, name: str) -> None:
    wherry.output("tag", "busybox", f"{name}:1")
    command = [*WHERRY, "push", f"{name}:1"]
    with Terminal(command, wherry.environment, (24, 60), "/tmp") as terminal:
        terminal.expect("Pushed|Mounted from")
        assert terminal.end() == 0
        lines = terminal.seen.decode(errors="replace").replace("\x1b[2K", "").splitlines()
    assert all(len(line) < 300 for line in lines)
    wherry.output("rmi", f"{name}:1")
