"""The filters of `docker ps`."""

from __future__ import annotations

import pytest

from wherry.engine.containers.config import ContainerConfig, HostConfig, NetworkingConfig
from wherry.engine.containers.record import Container, MountPoint, State
from wherry.engine.containers.selection import Known, select
from wherry.engine.networks.values import NetworkState, Published
from wherry.engine.values.containers import ListQuery
from wherry.errors import Invalid, NotFound


def container(created: int, name: str, state: State, **more: object) -> Container:
    values = {
        "id": f"{created}{'a' * 63}",
        "path": "sh",
        "args": (),
        "config": ContainerConfig(labels={"who": name}, exposed_ports=("80/tcp", "53/udp")),
        "host_config": HostConfig(network_mode="none"),
        "networking": NetworkingConfig(),
        "image_id": "sha256:1",
        "image_ref": "x",
        "driver": "overlay2",
        "directory": "",
        "log_path": "",
    }
    return Container(created=created, name=name, state=state, **(values | more))  # type: ignore[arg-type]


RUNNING = State(status="running", running=True, started_at=5)
PUBLISHED = Published("tcp", "0.0.0.0", 8080, "10.0.0.2", 80, "n", "e", "c")
ONE = container(1, "web-one", RUNNING, network=NetworkState(published=(PUBLISHED,)))
TWO = container(
    2, "web-two", State(status="exited", exit_code=3, started_at=5, finished_at=6),
    mounts=(MountPoint("volume", "/src", "/dst", name="vol"),), image_id="sha256:2",
)  # fmt: skip
THREE = container(3, "db", State())
ALL = (ONE, TWO, THREE)


def find(ref: str) -> Container:
    for one in ALL:
        if one.name == ref:
            return one
    raise NotFound(f"No such container: {ref}")


KNOWN = Known(find, {"x": "sha256:1", "y": "sha256:2"}.get)


def names(**query: object) -> list[str]:
    filters = {key.replace("_", "-"): value for key, value in query.items()}
    plain = {key: filters.pop(key) for key in ("all", "limit") if key in filters}
    chosen = select(ALL, ListQuery(**plain, filters=filters), KNOWN)  # type: ignore[arg-type]
    return [one.name for one in chosen]


def test_running_ones_by_default_newest_first_with_all() -> None:
    assert names() == ["web-one"]
    assert names(all=True) == ["db", "web-two", "web-one"]


def test_limit_counts_stopped_ones_too() -> None:
    assert names(limit=2) == ["db", "web-two"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"name": ("web",)}, ["web-two", "web-one"]),
        ({"name": ("^/db$",)}, ["db"]),
        ({"name": ("[",)}, []),
        ({"id": ("2a",)}, ["web-two"]),
        ({"label": ("who",)}, ["db", "web-two", "web-one"]),
        ({"label": ("who=db", "who")}, ["db"]),
        ({"label": ("who=db", "other")}, []),
        ({"exited": ("3", "4")}, ["web-two"]),
        ({"exited": ("0",)}, []),
        ({"status": ("created", "running")}, ["db", "web-one"]),
        ({"ancestor": ("y",)}, ["web-two"]),
        ({"ancestor": ("gone",)}, []),
        ({"volume": ("vol",)}, ["web-two"]),
        ({"volume": ("/dst",)}, ["web-two"]),
        ({"network": ("none",)}, ["db", "web-two", "web-one"]),
        ({"network": ("host",)}, []),
        ({"before": ("db",)}, ["web-two", "web-one"]),
        ({"since": ("web-one",)}, ["db", "web-two"]),
        ({"expose": ("70-90",)}, ["web-one"]),
        ({"expose": ("53",)}, []),
        ({"expose": ("53/udp",)}, ["web-one"]),
        ({"publish": ("80",)}, []),
        ({"publish": ("8080",)}, ["web-one"]),
        ({"is_task": ("true",)}, []),
        ({"health": ("none",)}, ["db", "web-two", "web-one"]),
        ({"name": ("web",), "status": ("exited",)}, ["web-two"]),
        ({"name": ()}, ["db", "web-two", "web-one"]),
    ],
)
def test_filters(filters: dict[str, tuple[str, ...]], expected: list[str]) -> None:
    assert names(all=True, **filters) == expected


def test_a_status_filter_means_all() -> None:
    assert names(status=("exited",)) == ["web-two"]


@pytest.mark.parametrize("bad", [{"exited": ("x",)}, {"publish": ("a-b",)}])
def test_bad_values(bad: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(Invalid):
        names(**bad)


def test_unknown_neighbour() -> None:
    with pytest.raises(NotFound):
        names(before=("nobody",))
