"""Bad input: Docker's status, the true cause, and nothing left behind."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.engines import Engine
from tests.httpclient import Connection


@pytest.fixture
def api(wherry: Engine, clean: Callable[[Engine], None]) -> Iterator[Connection]:
    clean(wherry)
    with wherry.connect() as connection:
        yield connection


def _id(value: object) -> str:
    return str(value)[:40]


AT_CREATION: list[tuple[dict[str, Any], int, str]] = [
    ({"Image": "nosuch"}, 404, "No such image: nosuch:latest"),
    ({"WorkingDir": "tmp"}, 400, "needs to be an absolute path"),
    ({"Env": ["=x"]}, 400, "invalid environment variable"),
    ({"Env": ["A=" + "x" * (10 << 20)]}, 400, "too long"),
    ({"StopSignal": "NOPE"}, 400, "Invalid signal: NOPE"),
    ({"HostConfig": {"Binds": ["/a:b"]}}, 400, "mount path must be absolute"),
    ({"HostConfig": {"Binds": ["/a:/x/.."]}}, 400, "destination can't be '/'"),
    ({"HostConfig": {"Memory": 5}}, 400, "Minimum memory limit allowed is 6MB"),
    ({"HostConfig": {"CapAdd": ["X"]}}, 400, "unknown capability"),
    ({"HostConfig": {"Memory": "much"}}, 400, "cannot unmarshal string"),
    ({"HostConfig": {"PortBindings": {"80/odd": [{}]}}}, 400, "odd"),
    ({"HostConfig": {"Binds": ["a b:/x"]}}, 400, "includes invalid characters"),
]

AT_START: list[tuple[dict[str, Any], int, str]] = [
    ({"Cmd": ["nosuch"]}, 400, 'exec: "nosuch": executable file not found in $PATH'),
    ({"Cmd": ["/nosuch"]}, 400, "no such file or directory"),
    ({"Cmd": ["/etc"]}, 400, "permission denied"),
    ({"Cmd": ["/etc/passwd"]}, 400, "permission denied"),
    ({"User": "nosuch"}, 500, "unable to find user nosuch"),
    ({"WorkingDir": "/etc/passwd"}, 400, "not a directory"),
    ({"HostConfig": {"NetworkMode": "mine"}}, 404, "network mine not found"),
    ({"HostConfig": {"Binds": ["/etc/passwd:/etc"]}}, 400, "not a directory"),
    ({"HostConfig": {"Sysctls": {"kernel.nosuch": "1"}}}, 400, "kernel.nosuch"),
]


@pytest.mark.parametrize(
    ("body", "status", "words"), AT_CREATION, ids=lambda value: str(value)[:40]
)
def test_refused_at_creation(
    api: Connection, body: dict[str, Any], status: int, words: str
) -> None:
    answer = api.request("POST", "/containers/create", {"Image": "busybox", **body})
    assert answer.status == status, answer
    assert words in answer.message


@pytest.mark.parametrize(("body", "status", "words"), AT_START, ids=_id)
def test_refused_at_start(api: Connection, body: dict[str, Any], status: int, words: str) -> None:
    request = {"Image": "busybox", "Cmd": ["true"], **body}
    created = api.request("POST", "/containers/create", request)
    assert created.status == 201, created
    id = created.json()["Id"]
    try:
        answer = api.request("POST", f"/containers/{id}/start")
        assert answer.status == status, answer
        assert words in answer.message
    finally:
        assert api.request("DELETE", f"/containers/{id}").status == 204


def test_a_failed_start_of_a_temporary_container_leaves_nothing(api: Connection) -> None:
    body = {"Image": "busybox", "Cmd": ["nosuch"], "HostConfig": {"AutoRemove": True}}
    id = api.request("POST", "/containers/create", body).json()["Id"]
    assert api.request("POST", f"/containers/{id}/start").status == 400


def test_an_ambiguous_prefix(api: Connection) -> None:
    """Seventeen ids have two that begin alike."""
    ids = [
        api.request("POST", "/containers/create", {"Image": "busybox"}).json()["Id"]
        for _ in range(17)
    ]
    first = sorted(ids)
    shared = next(a[0] for a, b in itertools.pairwise(first) if a[0] == b[0])
    answer = api.request("GET", f"/containers/{shared}/json")
    assert (answer.status, answer.message.split(" (")[0]) == (
        400,
        f"multiple IDs found with provided prefix: {shared}",
    )
    for id in ids:
        assert api.request("DELETE", f"/containers/{id}").status == 204


def test_a_running_container_is_not_removed(api: Connection) -> None:
    body = {"Image": "busybox", "Cmd": ["sleep", "1000"]}
    id = api.request("POST", "/containers/create", body).json()["Id"]
    api.request("POST", f"/containers/{id}/start")
    answer = api.request("DELETE", f"/containers/{id}")
    assert answer.status == 409
    assert "stop the container before removing or force remove" in answer.message
    assert api.request("DELETE", f"/containers/{id}?force=1").status == 204
