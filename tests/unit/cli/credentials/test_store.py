"""Where logins are looked up and kept: file, helper, environment."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from tests.credentialhelper import FakeHelper
from wherry.cli.context import Context
from wherry.cli.credentials.credentialhelper import CredentialHelper
from wherry.cli.credentials.login import HUB_KEY, Login, host_of, key_of, registry_of
from wherry.cli.credentials.store import CredentialStore, addresses_of, auth_headers
from wherry.cli.failures import Failure
from wherry.cli.flags import Options


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHelper:
    found = FakeHelper.install(tmp_path / "helper")
    monkeypatch.setenv("PATH", f"{found.bin}:{os.environ['PATH']}")
    return found


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"DOCKER_CONFIG": str(tmp_path / "docker"), "PATH": "/nowhere"}


def _configure(environ: dict[str, str], document: object) -> CredentialStore:
    path = Path(environ["DOCKER_CONFIG"])
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps(document))
    return CredentialStore(environ)


def _file(environ: dict[str, str]) -> object:
    return json.loads((Path(environ["DOCKER_CONFIG"]) / "config.json").read_text())


def test_file(environ: dict[str, str]) -> None:
    store = CredentialStore(environ)
    assert store.store(Login("r", "alice", "secret"))
    assert not store.store(Login("r", "alice", "secret")), "nothing new, nothing to warn of"
    assert CredentialStore(environ).get("r").password == "secret"
    store.erase("r")
    assert not CredentialStore(environ).get("r")


def test_helper_keeps_the_secret(helper: FakeHelper, environ: dict[str, str]) -> None:
    store = _configure(environ, {"credsStore": "fake"})
    assert not store.store(Login("r", "alice", "secret"))
    assert helper.kept == {"r": ["alice", "secret"]}
    assert _file(environ) == {"credsStore": "fake", "auths": {"r": {}}}
    assert (store.get("r").username, store.get("r").password) == ("alice", "secret")
    store.erase("r")
    assert (helper.kept, _file(environ)) == ({}, {"credsStore": "fake", "auths": {}})
    assert all("secret" not in str(call["argv"]) for call in helper.calls)


def test_identity_token_by_helper(helper: FakeHelper, environ: dict[str, str]) -> None:
    store = _configure(environ, {"credsStore": "fake"})
    store.store(Login("r", "alice", identity_token="tok"))
    assert helper.kept == {"r": ["<token>", "tok"]}
    assert store.get("r").members() == {"serveraddress": "r", "identitytoken": "tok"}


def test_helper_of_one_registry(helper: FakeHelper, environ: dict[str, str]) -> None:
    helper.keep("r", "cloud", "tok")
    store = _configure(environ, {"credHelpers": {"r": "fake"}, "auths": {"s": {"auth": "YTpi"}}})
    assert store.get("r").username == "cloud"
    assert store.get("s").username == "a"
    assert [call["stdin"] for call in helper.calls] == ["r"]


def test_helper_lists(helper: FakeHelper) -> None:
    helper.keep("r", "alice", "secret")
    assert CredentialHelper("fake").list() == {"r": "alice"}
    helper.break_()
    with pytest.raises(Failure, match="error listing credentials"):
        CredentialHelper("fake").list()


def test_helper_that_knows_nothing(helper: FakeHelper, environ: dict[str, str]) -> None:
    store = _configure(environ, {"credsStore": "fake"})
    assert not store.get("r")
    store.erase("r")


def test_helper_that_fails(helper: FakeHelper, environ: dict[str, str]) -> None:
    store = _configure(environ, {"credsStore": "fake"})
    helper.break_()
    with pytest.raises(Failure, match=r"error getting credentials .*the keychain is locked"):
        store.get("r")
    with pytest.raises(Failure, match="error storing credentials") as caught:
        store.store(Login("r", "alice", "verysecret"))
    assert "verysecret" not in caught.value.message


def test_helper_that_is_missing(environ: dict[str, str]) -> None:
    store = _configure(environ, {"credsStore": "nosuch"})
    with pytest.raises(Failure, match='"docker-credential-nosuch": executable file not found'):
        store.get("r")


def test_helper_that_answers_nonsense(helper: FakeHelper, environ: dict[str, str]) -> None:
    program = helper.bin / "docker-credential-fake"
    program.write_text('#!/bin/sh\necho \'{"Secret": "verysecret"}\'\n')
    store = _configure(environ, {"credsStore": "fake"})
    with pytest.raises(Failure, match="did not answer as a credential helper") as caught:
        store.get("r")
    assert "verysecret" not in caught.value.message


def test_helper_that_does_not_read(helper: FakeHelper, environ: dict[str, str]) -> None:
    program = helper.bin / "docker-credential-fake"
    program.write_text("#!/bin/sh\nexec <&-\nexit 0\n")
    _configure(environ, {"credsStore": "fake"}).store(Login("r", "alice", "x" * 300_000))


def test_installed_helper_is_taken_where_nothing_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    helper = FakeHelper.install(tmp_path / "helper", "secretservice")
    monkeypatch.setenv("PATH", f"{helper.bin}:{os.environ['PATH']}")
    environ["PATH"] = str(helper.bin)
    CredentialStore(environ).store(Login("r", "alice", "secret"))
    assert helper.kept


def test_environment_goes_first(environ: dict[str, str]) -> None:
    _configure(environ, {"auths": {"r": {"auth": "YTpi"}}})
    environ["DOCKER_AUTH_CONFIG"] = '{"auths":{"r":{"auth":"YWxpY2U6c2VjcmV0"}}}'
    assert CredentialStore(environ).get("r").username == "alice"
    environ["DOCKER_AUTH_CONFIG"] = "{secret"
    with pytest.raises(Failure, match="DOCKER_AUTH_CONFIG") as caught:
        CredentialStore(environ).get("r")
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        ("debian", "docker.io"),
        ("user/app:1", "docker.io"),
        ("docker.io/library/debian", "docker.io"),
        ("localhost/app", "localhost"),
        ("localhost:5000/app", "localhost:5000"),
        ("ghcr.io/a/b@sha256:00", "ghcr.io"),
        ("Host/app", "Host"),
    ],
)
def test_registry_of_an_image(image: str, registry: str) -> None:
    assert registry_of(image) == registry


def test_names() -> None:
    assert key_of("docker.io") == key_of("index.docker.io") == HUB_KEY
    assert key_of("r:5000") == "r:5000"
    assert host_of("https://r:5000/v1/") == host_of("r:5000/x") == "r:5000"
    assert addresses_of("") == (HUB_KEY, [HUB_KEY])
    assert addresses_of("http://r") == ("r", ["http://r", "r", "https://r"])


def test_headers(environ: dict[str, str]) -> None:
    _configure(environ, {"auths": {"r.io": {"auth": "YTpiPz8/Pj4+"}}})
    context = Context("pull", Options(()), environ)
    assert auth_headers(context, "debian") == {}
    text = auth_headers(context, "r.io/x")["X-Registry-Auth"]
    told = json.loads(base64.urlsafe_b64decode(text))
    assert told == {"username": "a", "password": "b???>>>", "serveraddress": "r.io"}


def test_a_broken_file_is_warned_of(
    environ: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    Path(environ["DOCKER_CONFIG"]).mkdir()
    (Path(environ["DOCKER_CONFIG"]) / "config.json").write_text("{")
    assert auth_headers(Context("pull", Options(()), environ), "debian") == {}
    assert capfd.readouterr().err.startswith("WARNING: cannot read ")


def test_repr_shows_no_secret() -> None:
    assert "secret" not in repr(Login("r", "alice", "secret"))
