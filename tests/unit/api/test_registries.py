"""POST /auth, GET /images/search, GET /distribution: what goes in and what comes out."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.unit.api.conftest import Asker, Engine
from wherry.engine.values.registries import Distribution, SearchQuery
from wherry.errors import Denied, Unauthorized
from wherry.registry.credentials import Credentials
from wherry.registry.session import Found
from wherry.spec.image import OCI_INDEX, Descriptor
from wherry.spec.platform import Platform

DIGEST = "sha256:" + "ab" * 32


@dataclass
class Registries:
    """Notes what it is asked."""

    asked: list[Any] = field(default_factory=list)

    async def log_in(self, server: str, credentials: Credentials) -> str:
        self.asked.append((server, credentials))
        if credentials.password == "wrong":
            raise Unauthorized("login at r: unauthorized: incorrect username or password")
        return "token" if credentials.identity_token else ""

    async def search(self, query: SearchQuery) -> Sequence[Found]:
        self.asked.append(query)
        return (Found("alpha", "first\nline", 12, True, True),)

    async def describe(self, text: str, credentials: Credentials) -> Distribution:
        self.asked.append((text, credentials))
        if not credentials:
            raise Denied("denied: requested access to the resource is denied")
        platforms = (Platform("linux", "arm64", "v8"), Platform("windows", "amd64", "", "10.0"))
        return Distribution(Descriptor(OCI_INDEX, DIGEST, 500), platforms)


@pytest.fixture
def registries(engine: Engine) -> Registries:
    made = Registries()
    engine.registries = made  # type: ignore[attr-defined]
    return made


async def test_login(ask: Asker, registries: Registries) -> None:
    given = {"username": "u", "password": "p", "serveraddress": "r:5000", "email": "x", "more": 1}
    answer = await ask.json("POST", "/auth", given)
    assert answer == {"Status": "Login Succeeded", "IdentityToken": ""}
    assert registries.asked == [("r:5000", Credentials("u", "p"))]
    assert (await ask.json("POST", "/auth", {"identitytoken": "t"}))["IdentityToken"] == "token"


async def test_login_refused(ask: Asker, registries: Registries) -> None:
    told = await ask.error("POST", "/auth", {"username": "u", "password": "wrong"}, 401)
    assert told == "login at r: unauthorized: incorrect username or password"
    assert "password of type string" in await ask.error("POST", "/auth", {"password": 1}, 400)
    assert await ask.error("POST", "/auth", [], 400)


async def test_search(ask: Asker, registries: Registries) -> None:
    answer = await ask.json("GET", '/images/search?term=x&limit=7&filters={"stars":["3"]}')
    assert answer == [
        {
            "star_count": 12,
            "is_official": True,
            "name": "alpha",
            "is_automated": False,
            "description": "first\nline",
        }
    ]
    assert registries.asked == [SearchQuery("x", 7, {"stars": ("3",)})]


@pytest.mark.parametrize("query", ["limit=x", "limit=-1", "filters={", 'filters={"foo":["x"]}'])
async def test_bad_search(ask: Asker, registries: Registries, query: str) -> None:
    assert await ask.error("GET", f"/images/search?term=x&{query}", None, 400)
    assert registries.asked == []


async def test_distribution(ask: Asker, registries: Registries) -> None:
    login = base64.urlsafe_b64encode(json.dumps({"username": "u", "password": "p"}).encode())
    answer = await ask.send(
        "GET", "/distribution/r:5000/a/b:1/json", X_Registry_Auth=login.decode()
    )
    assert json.loads(await answer.read()) == {
        "Descriptor": {"mediaType": OCI_INDEX, "digest": DIGEST, "size": 500},
        "Platforms": [
            {"architecture": "arm64", "os": "linux", "variant": "v8"},
            {"architecture": "amd64", "os": "windows", "os.version": "10.0"},
        ],
    }
    assert registries.asked == [("r:5000/a/b:1", Credentials("u", "p"))]
    assert "denied" in await ask.error("GET", "/distribution/a/json", None, 403)
