"""Docker's configuration file: read as docker writes it, changed without harm to the rest."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from wherry.cli.credentials.configfile import ConfigFile, folder, parse_auths
from wherry.cli.credentials.login import HUB_KEY, Login
from wherry.cli.failures import Failure

ALICE = "YWxpY2U6c2VjcmV0"  # alice:secret


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "docker" / "config.json"


def _written(path: Path, document: object) -> ConfigFile:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document))
    return ConfigFile(str(path))


def _pair(login: Login) -> tuple[str, str]:
    return login.username, login.password


def test_a_missing_file_knows_nothing(path: Path) -> None:
    file = ConfigFile(str(path))
    assert file.is_plain
    assert not file.login("localhost:5000")


@pytest.mark.parametrize(
    ("entry", "pair"),
    [
        ({"auth": ALICE}, ("alice", "secret")),
        ({"auth": "YTpiOmM="}, ("a", "b:c")),
        ({"auth": "YWxpY2U6c2VjcmV0AAA="}, ("alice", "secret")),
        ({"username": "alice", "password": "secret"}, ("alice", "secret")),
        ({}, ("", "")),
    ],
)
def test_reads_what_docker_writes(path: Path, entry: object, pair: tuple[str, str]) -> None:
    assert _pair(_written(path, {"auths": {"r:5000": entry}}).login("r:5000")) == pair


@pytest.mark.parametrize("key", ["https://r.example/v1/", "http://r.example", "r.example/v2/"])
def test_finds_what_an_old_docker_wrote(path: Path, key: str) -> None:
    assert _pair(_written(path, {"auths": {key: {"auth": ALICE}}}).login("r.example"))[0] == "alice"


def test_tokens(path: Path) -> None:
    entry = {"auth": ALICE, "identitytoken": "t", "registrytoken": "u"}
    login = _written(path, {"auths": {HUB_KEY: entry}}).login(HUB_KEY)
    assert (login.identity_token, login.registry_token) == ("t", "u")


@pytest.mark.parametrize("auth", ["!", "YWxpY2U=", "OnNlY3JldA==", "/w=="])
def test_a_broken_entry_is_named_without_its_secret(path: Path, auth: str) -> None:
    with pytest.raises(Failure, match=r"r:5000.*cannot be read") as caught:
        _written(path, {"auths": {"r:5000": {"auth": auth}}}).login("r:5000")
    assert auth not in caught.value.message.replace(str(path), "")


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": []}', '"x"'])
def test_a_broken_file_is_refused_and_kept(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(Failure, match="cannot read"):
        ConfigFile(str(path))
    assert path.read_text() == text


def test_store_makes_a_private_file_in_a_private_folder(path: Path) -> None:
    ConfigFile(str(path)).store(Login("r:5000", "alice", "secret"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert (
        path.read_text()
        == f'{{\n\t"auths": {{\n\t\t"r:5000": {{\n\t\t\t"auth": "{ALICE}"\n\t\t}}\n\t}}\n}}'
    )
    assert os.listdir(path.parent) == ["config.json"]


def test_store_keeps_what_is_not_its_own(path: Path) -> None:
    rest = {"psFormat": "table {{.ID}}", "HttpHeaders": {"a": "é"}, "x": [1, None, 1.5, {}]}
    _written(path, {**rest, "auths": {"other": {"auth": ALICE}}})
    path.chmod(0o644)
    ConfigFile(str(path)).store(Login("r", "bob", "pw", identity_token="t"))
    document = json.loads(path.read_text())
    assert document.pop("auths") == {
        "other": {"auth": ALICE},
        "r": {"auth": "Ym9iOnB3", "identitytoken": "t"},
    }
    assert document == rest
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_store_goes_through_symbolic_links(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere.json")
    ConfigFile(str(path)).store(Login("r", "alice", "secret"))
    ConfigFile(str(path)).store(Login("s", "alice", "secret"))
    assert path.is_symlink()
    assert set(json.loads((tmp_path / "elsewhere.json").read_text())["auths"]) == {"r", "s"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write another's file")
def test_the_file_stays_its_owners(path: Path) -> None:
    _written(path, {})
    os.chown(path, 4711, 4712)
    ConfigFile(str(path)).store(Login("r", "alice", "secret"))
    assert (path.stat().st_uid, path.stat().st_gid) == (4711, 4712)


def test_erase(path: Path) -> None:
    file = _written(path, {"auths": {"a": {"auth": ALICE}, "b": {}}})
    file.erase("a")
    before = path.stat().st_ino
    file.erase("nosuch")
    assert path.stat().st_ino == before
    assert json.loads(path.read_text()) == {"auths": {"b": {}}}


def test_logins_at_the_same_time_all_count(path: Path) -> None:
    def log_in(number: int) -> None:
        ConfigFile(str(path)).store(Login(f"r{number}", "alice", "secret"))

    threads = [threading.Thread(target=log_in, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads(path.read_text())["auths"]) == 20


def test_helpers(path: Path) -> None:
    file = _written(path, {"credsStore": "pass", "credHelpers": {"gcr.io": "gcloud"}})
    assert file.helper_of("gcr.io") == "gcloud"
    assert file.helper_of("other") == "pass"
    assert not file.is_plain


def test_folder() -> None:
    assert folder({"DOCKER_CONFIG": "/x", "HOME": "/h"}) == "/x"
    assert folder({"HOME": "/h"}) == "/h/.docker"


def test_auths_of_the_environment() -> None:
    assert _pair(parse_auths(f'{{"auths":{{"r":{{"auth":"{ALICE}"}}}}}}')["r"])[0] == "alice"
    with pytest.raises(ValueError, match="JSON"):
        parse_auths("[]")
