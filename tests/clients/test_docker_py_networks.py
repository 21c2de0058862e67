"""docker-py and networks, on every engine, each in a network namespace of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines import ENGINES, Engine

docker = pytest.importorskip("docker", reason="docker-py is not installed")
errors, types = docker.errors, docker.types


@pytest.fixture(scope="module", params=list(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    chosen = request.getfixturevalue(f"networked_{request.param}")
    assert isinstance(chosen, Engine)
    return chosen


@pytest.fixture
def client(engine: Engine) -> Iterator[Any]:
    """A client of the engine; containers and networks that a test leaves are removed."""
    api = docker.DockerClient(base_url=engine.host, version="auto", timeout=60)
    yield api
    for container in api.containers.list(all=True):
        container.remove(force=True)
    for network in api.networks.list(filters={"type": "custom"}):
        network.remove()
    api.close()


def run(client: Any, **more: Any) -> Any:
    return client.containers.run("busybox", "sleep 1000", detach=True, init=True, **more)


def test_create_list_inspect_remove(client: Any) -> None:
    made = client.networks.create("n1", driver="bridge", labels={"a": "b"}, internal=True)
    assert [n.name for n in client.networks.list(filters={"label": "a=b"})] == ["n1"]
    assert client.networks.get(made.id).attrs["Internal"] is True
    assert {n.name for n in client.networks.list()} == {"bridge", "host", "none", "n1"}
    made.remove()
    with pytest.raises(errors.NotFound):
        client.networks.get("n1")


def test_address_management(client: Any) -> None:
    pool = types.IPAMPool(
        subnet="10.211.0.0/24", iprange="10.211.0.128/25", gateway="10.211.0.254",
        aux_addresses={"printer": "10.211.0.128"},
    )  # fmt: skip
    client.networks.create("n1", ipam=types.IPAMConfig(pool_configs=[pool]))
    client.networks.create(
        "n2", ipam=types.IPAMConfig(pool_configs=[types.IPAMPool("10.212.0.0/24")])
    )
    container = run(client, network="n1")
    container.reload()
    settings = container.attrs["NetworkSettings"]["Networks"]["n1"]
    assert settings["IPAddress"].startswith("10.211.0.1")
    assert settings["Gateway"] == "10.211.0.254"
    with pytest.raises(errors.APIError) as caught:
        client.networks.create("n3", ipam=types.IPAMConfig(pool_configs=[pool]))
    assert caught.value.status_code == 403


def test_connect_and_disconnect(client: Any) -> None:
    subnet = types.IPAMPool(subnet="10.213.0.0/24")
    network = client.networks.create("n1", ipam=types.IPAMConfig(pool_configs=[subnet]))
    container = run(client)
    network.connect(container, ipv4_address="10.213.0.77", aliases=["other"])
    network.reload()
    assert [c.id for c in network.containers] == [container.id]
    container.reload()
    found = container.attrs["NetworkSettings"]["Networks"]
    assert found["n1"]["IPAddress"] == "10.213.0.77"
    assert "other" in found["n1"]["Aliases"]
    with pytest.raises(errors.APIError) as caught:
        network.connect(container)
    assert caught.value.status_code == 403
    with pytest.raises(errors.APIError) as caught:
        network.remove()
    assert caught.value.status_code == 403
    network.disconnect(container)
    network.reload()
    assert network.containers == []


def test_published_ports(client: Any) -> None:
    container = run(client, ports={"80/tcp": 8091, "81/tcp": ("127.0.0.1", 8092), "82/udp": None})
    container.reload()
    assert container.ports["80/tcp"][0] == {"HostIp": "0.0.0.0", "HostPort": "8091"}
    assert container.ports["81/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": "8092"}]
    assert int(container.ports["82/udp"][0]["HostPort"]) > 1023
    with pytest.raises(errors.APIError) as caught:
        run(client, ports={"80/tcp": 8091})
    assert caught.value.status_code == 500
    assert "port is already allocated" in caught.value.explanation


def test_a_container_created_with_an_endpoint_of_its_own(client: Any) -> None:
    subnet = types.IPAMPool(subnet="10.214.0.0/24")
    client.networks.create("n1", ipam=types.IPAMConfig(pool_configs=[subnet]))
    low = client.api
    endpoint = low.create_endpoint_config(
        aliases=["a"], ipv4_address="10.214.0.9", links={"x": "y"}
    )
    made = low.create_container(
        "busybox", "sleep 1000", networking_config=low.create_networking_config({"n1": endpoint})
    )
    low.start(made["Id"])
    networks = low.inspect_container(made["Id"])["NetworkSettings"]["Networks"]
    assert networks["n1"]["IPAddress"] == "10.214.0.9"
    assert networks["n1"]["Links"] == ["x:y"]


def test_prune(client: Any) -> None:
    client.networks.create("unused")
    client.networks.create("used")
    run(client, network="used")
    assert client.networks.prune()["NetworksDeleted"] == ["unused"]
    assert [n.name for n in client.networks.list(filters={"type": "custom"})] == ["used"]


@pytest.mark.parametrize(
    ("name", "more", "status"),
    [
        ("bridge", {}, 403),
        ("n1", {"driver": "nosuch"}, 404),
        ("n1", {"scope": "swarm"}, 403),
    ],
)
def test_what_is_refused(client: Any, name: str, more: dict[str, Any], status: int) -> None:
    with pytest.raises(errors.APIError) as caught:
        client.networks.create(name, **more)
    assert caught.value.status_code == status


def test_the_same_name_twice(client: Any) -> None:
    client.networks.create("n1")
    with pytest.raises(errors.APIError) as caught:
        client.networks.create("n1", check_duplicate=True)
    assert caught.value.status_code == 409
