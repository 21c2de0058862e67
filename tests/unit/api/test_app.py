"""Versions, routes and errors."""

from __future__ import annotations

import json

import pytest

from tests.conformance import swagger
from tests.unit.api.conftest import Asker


@pytest.mark.parametrize("path", ["/_ping", "/v1.24/_ping", "/v1.51/_ping"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_ping(ask: Asker, method: str, path: str) -> None:
    answer = await ask.send(method, path)
    assert (answer.status, answer.headers["api-version"]) == (200, "1.51")
    assert answer.headers["docker-experimental"] == "false"
    assert (answer.headers["ostype"], answer.headers["server"]) == ("linux", "Wherry/1.0 (linux)")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert await answer.read() == (b"OK" if method == "GET" else b"")


async def test_versions_that_are_not_spoken(ask: Asker) -> None:
    assert await ask.error("GET", "/v1.23/info", None, 400) == (
        "client version 1.23 is too old. Minimum supported API version is 1.24, "
        "please upgrade your client to a newer version"
    )
    assert await ask.error("GET", "/v1.99/info", None, 400) == (
        "client version 1.99 is too new. Maximum supported API version is 1.51"
    )
    assert (await ask.send("GET", "/v1.99/info")).headers["api-version"] == "1.51"


@pytest.mark.parametrize("path", ["/nothing", "/v1.99/nothing", "/containers/json/", "/", "//"])
async def test_unknown_paths(ask: Asker, path: str) -> None:
    assert await ask.error("GET", path, None, 404) == "page not found"


async def test_a_wrong_method_is_an_unknown_page_as_with_dockerd(ask: Asker) -> None:
    assert await ask.error("PATCH", "/containers/json", None, 404) == "page not found"


@pytest.mark.skipif(not swagger.available(), reason="Docker's API definition is not here")
async def test_every_endpoint_of_docker_is_known(ask: Asker) -> None:
    for operation in swagger.judge().operations:
        path = operation.template.replace("{", "x").replace("}", "x")
        answer = await ask.send(operation.method, path)
        body = b"" if answer.status == 200 and path == "/events" else await answer.read()
        assert b"page not found" not in body, operation
        if answer.status == 501:
            assert operation.method == "HEAD" or "not supported" in json.loads(body)["message"]


async def test_not_modified_has_no_body(ask: Asker) -> None:
    answer = await ask.send("POST", "/containers/web/start")
    assert (answer.status, await answer.read()) == (304, b"")


async def test_percent_escapes(ask: Asker) -> None:
    assert (await ask.json("GET", "/images/reg.io%2Fa%2Fb:c/json"))["Os"] == "linux"
    assert (await ask.json("GET", "/images/reg.io/a/b:c/json"))["Os"] == "linux"
    assert "invalid URL escape" in await ask.error("GET", "/containers/json?x=%zz", None, 400)
