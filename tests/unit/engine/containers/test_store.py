"""Containers survive the database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wherry.engine.containers import rowcodec
from wherry.engine.containers.config import (
    ContainerConfig,
    EndpointSettings,
    HostConfig,
    LogConfig,
    Mount,
    NetworkingConfig,
    PortBinding,
    RestartPolicy,
    TmpfsOptions,
    Ulimit,
)
from wherry.engine.containers.record import Container, MountPoint, State
from wherry.engine.containers.store import ContainerTable
from wherry.storage.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "wherry.db")
    yield made
    made.close()


def container(**changes: object) -> Container:
    values: dict[str, object] = {
        "id": "a" * 64,
        "name": "web",
        "created": 5,
        "path": "sh",
        "args": ("-c", "true"),
        "config": ContainerConfig(env=("A=1",), labels={"x": "y"}, exposed_ports=("80/tcp",)),
        "host_config": HostConfig(
            memory=7,
            port_bindings={"80/tcp": (PortBinding("", "8080"),), "81/tcp": None},
            restart_policy=RestartPolicy("on-failure", 3),
            ulimits=(Ulimit("nofile", 2, 1),),
            console_size=(24, 80),
            log_config=LogConfig("local", {"max-size": "1m"}),
            mounts=(Mount("tmpfs", "", "/t", tmpfs_options=TmpfsOptions(options=(("exec",),))),),
        ),
        "networking": NetworkingConfig({"bridge": EndpointSettings(aliases=("a",)), "none": None}),
        "image_id": "sha256:1",
        "image_ref": "busybox",
        "driver": "overlay2",
        "directory": "/d",
        "log_path": "",
        "mounts": (MountPoint("bind", "/s", "/d", options=("rbind",)),),
    }
    return Container(**(values | changes))  # type: ignore[arg-type]


def test_a_container_comes_back_as_it_was(database: Database) -> None:
    table = ContainerTable(database)
    made = container()
    table.add(made)
    made.state = State(status="exited", exit_code=3, error="x", finished_at=9)
    made.restart_count = 2
    made.manually_stopped = True
    table.save_run(made)
    assert ContainerTable(database).load() == [made]


def test_rename_and_delete(database: Database) -> None:
    table = ContainerTable(database)
    made = container()
    table.add(made)
    made.name = "other"
    table.save_definition(made)
    assert table.load()[0].name == "other"
    table.delete(made)
    assert table.load() == []


def test_defaults_are_not_written() -> None:
    assert rowcodec.dump(HostConfig()) == "{}"
    assert len(rowcodec.dump(container())) < 1000


def test_a_field_that_is_gone_is_passed_over() -> None:
    assert rowcodec.load(State, '{"status":"exited","of_another_time":1}').status == "exited"
