"""docker-py through a scoped socket."""

from __future__ import annotations

import pytest

from tests.engines import Engine
from tests.root.sockets.conftest import Sockets

docker = pytest.importorskip("docker", reason="docker-py is not installed")


def test_containers_and_volumes(sockets: Sockets, wherry: Engine) -> None:
    foreign = wherry.output("create", "--network", "none", "busybox")
    socket = sockets.make("run", "volume", "container:exec")
    client = docker.DockerClient(base_url=f"unix://{socket.path}")
    try:
        said = client.containers.run("busybox", ["echo", "x"], network_mode="none", remove=True)
        assert said == b"x\n"
        mine = client.containers.run("busybox", ["sleep", "1000"], detach=True, network_mode="none")
        assert [each.id for each in client.containers.list(all=True)] == [mine.id]
        assert mine.exec_run(["echo", "in"]).output == b"in\n"
        with pytest.raises(docker.errors.NotFound):
            client.containers.get(foreign)
        with pytest.raises(docker.errors.APIError) as refused:
            client.containers.run("busybox", privileged=True, network_mode="none")
        assert refused.value.status_code == 403
        volume = client.volumes.create(f"v-{sockets.label}")
        assert volume.attrs["Labels"] == {"team": sockets.label}
        mine.remove(force=True)
        volume.remove()
    finally:
        client.close()
        wherry.output("rm", foreign)


def test_a_reader(sockets: Sockets) -> None:
    """Traefik's and similar tools' calls."""
    client = docker.DockerClient(base_url=f"unix://{sockets.make('read').path}")
    try:
        assert client.version()["ApiVersion"]
        assert client.containers.list() == []
        assert client.info()["Containers"] == 0
        assert {each.name for each in client.networks.list()} == {"bridge", "none"}
        with pytest.raises(docker.errors.APIError) as refused:
            client.containers.create("busybox")
        assert refused.value.status_code == 403
    finally:
        client.close()
