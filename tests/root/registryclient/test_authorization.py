"""Bearer tokens and Basic: shown only to who asks, renewed, never to anyone else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.faultyregistry import Asked, FaultyRegistry
from wherry.errors import Denied, Invalid, Unauthorized, Unavailable
from wherry.registry.config import RegistryConfig
from wherry.registry.credentials import Credentials
from wherry.registry.session import Session
from wherry.spec import reference
from wherry.spec.image import OCI_MANIFEST

CONFIG = RegistryConfig(first_retry_delay=0.01, max_download_attempts=2)
PASSWORD = "correct horse"
DOCUMENT = b'{"schemaVersion":2,"config":{},"layers":[]}'


class TokenRegistry(FaultyRegistry):
    """Wants bearer tokens that it gives itself, each good for `uses` requests."""

    def __init__(self, *, uses: int = 1000) -> None:
        super().__init__()
        self.uses = uses
        self.left: dict[str, int] = {}
        self.scopes: list[list[str]] = []
        self.methods: list[str] = []
        self.faults.append(self._guard)
        self.add_manifest("a/b", "1", DOCUMENT)

    def _guard(self, asked: Asked) -> bool:
        if urlsplit(asked.path).path == "/token":
            self._give_token(asked)
            return True
        token = asked.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.left.get(token, 0) > 0:
            self.left[token] -= 1
            return False
        asked.refuse(
            401,
            "UNAUTHORIZED",
            WWW_Authenticate=f'Bearer realm="http://{self.address}/token",service="tests",'
            'scope="repository:a/b:pull"',
        )
        return True

    def _give_token(self, asked: Asked) -> None:
        self.methods.append(asked.command)
        if asked.command == "POST":
            body = asked.rfile.read(int(asked.headers["Content-Length"])).decode()
            query = parse_qs(body)
            right = query["refresh_token"] == ["identity"]
        else:
            query = parse_qs(urlsplit(asked.path).query)
            basic = "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()
            right = asked.headers.get("Authorization", basic) == basic
        if not right:
            asked.say(401)
            return
        self.scopes.append(sorted(" ".join(query["scope"]).split()) if "scope" in query else [])
        token = f"token-{len(self.left)}"
        self.left[token] = self.uses
        document = {"token": token, "expires_in": 300}
        if query.get("offline_token"):
            document["refresh_token"] = "identity"
        asked.say(200, json.dumps(document).encode())


@pytest.fixture
def registry() -> Iterator[TokenRegistry]:
    with TokenRegistry() as served:
        yield served


def _session(registry: FaultyRegistry, credentials: Credentials | None = None) -> Session:
    return Session(registry.address, CONFIG, credentials or Credentials())


def _resolve(session: Session, registry: FaultyRegistry) -> None:
    found = session.resolve(reference.parse(f"{registry.address}/a/b:1"))
    assert found.document == DOCUMENT


def test_one_token_serves_many_requests(registry: TokenRegistry) -> None:
    with _session(registry) as session:
        for _ in range(3):
            _resolve(session, registry)
    assert registry.scopes == [["repository:a/b:pull"]]


def test_a_refused_token_is_replaced() -> None:
    with TokenRegistry(uses=2) as registry, _session(registry) as session:
        for _ in range(6):
            _resolve(session, registry)
        assert len(registry.left) == 3


def test_pushing_asks_for_the_right_to(registry: TokenRegistry) -> None:
    with _session(registry) as session:
        session.put_manifest("a/b", "2", OCI_MANIFEST, DOCUMENT)
    assert registry.scopes == [["repository:a/b:pull,push"]]


def test_mounting_asks_for_both_repositories(registry: TokenRegistry) -> None:
    known = registry.add_blob(b"known")
    with _session(registry) as session:
        assert session.start_upload("a/b", known.digest, "c/d") is None
    assert registry.scopes == [["repository:a/b:pull,push", "repository:c/d:pull"]]


def test_login_gives_an_identity_token_that_serves(registry: TokenRegistry) -> None:
    with _session(registry, Credentials("me", PASSWORD)) as session:
        token = session.log_in()
    assert token == "identity"
    with _session(registry, Credentials("me", identity_token=token)) as session:
        _resolve(session, registry)
    assert registry.methods == ["GET", "POST"]


def test_a_wrong_password_is_refused_and_not_repeated(registry: TokenRegistry) -> None:
    with (
        _session(registry, Credentials("me", "s3cret-guess")) as session,
        pytest.raises(Unauthorized) as caught,
    ):
        session.log_in()
    assert "s3cret-guess" not in str(caught.value) + repr(caught.value)


def test_a_given_token_is_used_as_it_is(registry: TokenRegistry) -> None:
    registry.left["mine"] = 1
    with _session(registry, Credentials(registry_token="mine")) as session:
        _resolve(session, registry)
    assert not registry.methods


def test_a_token_that_cannot_be_sent_is_not_quoted(registry: TokenRegistry) -> None:
    with (
        _session(registry, Credentials(registry_token="s3cret\nX: y")) as session,
        pytest.raises(Invalid) as caught,
    ):
        session.log_in()
    assert "s3cret" not in str(caught.value)


def test_basic(registry: TokenRegistry) -> None:
    def guard(asked: Asked) -> bool:
        if asked.headers.get("Authorization") == Credentials("me", PASSWORD).basic:
            return False
        asked.refuse(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="tests"')
        return True

    registry.faults = [guard]
    with _session(registry, Credentials("me", PASSWORD)) as session:
        assert session.log_in() == ""
        _resolve(session, registry)
    assert "Authorization" not in registry.requests[0][2]
    for wrong in (Credentials("me", "no"), Credentials()):
        with _session(registry, wrong) as session, pytest.raises(Unauthorized):
            session.log_in()


def test_a_silent_token_server_is_named(registry: TokenRegistry) -> None:
    def guard(asked: Asked) -> bool:
        challenge = 'Bearer realm="http://127.0.0.1:1/token",service="tests"'
        asked.refuse(401, "UNAUTHORIZED", WWW_Authenticate=challenge)
        return True

    registry.faults = [guard]
    with _session(registry) as session, pytest.raises(Unavailable, match=r"127\.0\.0\.1:1"):
        _resolve(session, registry)


def test_credentials_go_to_no_stranger_over_plain_http(registry: TokenRegistry) -> None:
    def guard(asked: Asked) -> bool:
        challenge = 'Bearer realm="http://192.0.2.1/token",service="tests"'
        asked.refuse(401, "UNAUTHORIZED", WWW_Authenticate=challenge)
        return True

    registry.faults = [guard]
    with (
        _session(registry, Credentials("me", PASSWORD)) as session,
        pytest.raises(Denied, match="plain HTTP") as caught,
    ):
        _resolve(session, registry)
    assert "insecure-registries" in caught.value.hint
