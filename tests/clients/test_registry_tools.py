"""login, logout, search and manifest: `wherry` beside `docker`, and `docker` on us beside dockerd.

The registries are Debian's docker-registry and our own, with passwords and with tokens.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.credentialhelper import FakeHelper
from tests.engines import Engine
from tests.registries import DockerRegistry, RegistryProcess, WherryRegistry
from tests.searchserver import search_server
from tests.terminal import Terminal

WHERRY = [sys.executable, "-I", "-c", "from wherry.cli.main import main; main()"]
DOCKER = ["docker"]
USER, PASSWORD = "alice", "s3cret-word"


def _registry(kind: str, root: Path, users: Path) -> RegistryProcess:
    if kind == "docker-registry":
        if not DockerRegistry.is_installed():
            pytest.skip("docker-registry is not installed")
        return DockerRegistry(root, {"auth": {"htpasswd": {"realm": "r", "path": str(users)}}})
    options = ["--htpasswd", str(users)]
    return WherryRegistry(root, options + (["--tokens"] if kind == "tokens" else []))


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of users."""
    path = tmp_path_factory.mktemp("users") / "htpasswd"
    path.write_text(_htpasswd())
    return path


def _htpasswd() -> str:
    bcrypt = pytest.importorskip("bcrypt", reason="bcrypt is not installed")
    return f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()}\n"


@pytest.fixture(scope="module", params=["docker-registry", "passwords", "tokens"])
def registry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, users: Path
) -> Iterator[str]:
    """Address of a registry that wants to know who asks."""
    root = tmp_path_factory.mktemp("registry")
    with _registry(request.param, root, users) as running:
        yield running.address


@pytest.fixture(scope="module")
def docker_registry(
    tmp_path_factory: pytest.TempPathFactory, users: Path, dockerd: Engine
) -> Iterator[str]:
    """Address of a docker-registry with busybox as team/app:1."""
    root = tmp_path_factory.mktemp("registry")
    with _registry("docker-registry", root, users) as running:
        person = Person(dockerd, root / "config")
        assert person.log_in(DOCKER, running.address).returncode == 0
        dockerd.output("tag", "busybox", f"{running.address}/team/app:1")
        person.must(DOCKER, f"push -q {running.address}/team/app:1")
        dockerd.output("rmi", f"{running.address}/team/app:1")
        yield running.address


class Person:
    """Somebody with a configuration folder who uses an engine."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.folder = folder
        self.environment = {**engine.environment, "DOCKER_CONFIG": str(folder)}
        folder.mkdir(exist_ok=True)

    @property
    def file(self) -> Any:
        """The configuration file."""
        return json.loads((self.folder / "config.json").read_text())

    def run(
        self, command: list[str], line: str, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *shlex.split(line)],
            env=self.environment, input=stdin, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    def must(self, command: list[str], line: str) -> str:
        done = self.run(command, line)
        assert done.returncode == 0, (line, done.stderr)
        return done.stdout

    def log_in(
        self, command: list[str], server: str, password: str = PASSWORD
    ) -> subprocess.CompletedProcess[str]:
        return self.run(command, f"login -u {USER} --password-stdin {server}", f"{password}\n")


@pytest.fixture
def person(wherry: Engine, tmp_path: Path) -> Person:
    """Somebody new, on our engine."""
    return Person(wherry, tmp_path / "config")


@pytest.mark.parametrize("command", [DOCKER, WHERRY], ids=["docker", "wherry"])
def test_login_and_logout(
    command: list[str], registry: str, person: Person, wherry: Engine
) -> None:
    wrong = person.log_in(command, registry, "wr0ng-word")
    assert wrong.returncode == 1
    assert re.search(r"unauthorized: (incorrect username|wrong user name) or pass", wrong.stderr)
    assert not (person.folder / "config.json").exists()
    assert person.log_in(command, registry).stdout.endswith("Login Succeeded\n")
    assert registry in person.file["auths"]
    again = person.run(command, f"login {registry}")
    assert (again.returncode, again.stdout) == (0, "Login Succeeded\n")
    person.must(command, f"logout {registry}")
    assert person.file["auths"] == {}
    log = wherry.log.read_text()
    assert PASSWORD not in log and "wr0ng-word" not in log
    assert "wr0ng-word" not in wrong.stderr


def test_codes_of_auth(registry: str, wherry: Engine) -> None:
    with wherry.connect() as api:
        for password, code in ((PASSWORD, 200), ("wrong", 401)):
            given = {"username": USER, "password": password, "serveraddress": registry}
            assert api.request("POST", "/auth", given).status == code


def test_push_run_and_remote_inspection_with_credentials(
    registry: str, person: Person, wherry: Engine
) -> None:
    image = f"{registry}/team/app:1"
    wherry.output("tag", "busybox", image)
    refused = person.run(WHERRY, f"push {image}")
    assert refused.returncode == 1 and "auth" in refused.stderr
    person.log_in(WHERRY, registry)
    person.must(WHERRY, f"push {image}")
    wherry.output("rmi", image)
    assert person.must(WHERRY, f"run --rm -q {image} echo hi") == "hi\n"
    document = person.must(WHERRY, f"manifest inspect -v --insecure {image}")
    assert json.loads(document)["Descriptor"]["platform"]["os"] == "linux"
    person.must(WHERRY, f"logout {registry}")
    wherry.output("rmi", image)
    assert person.run(WHERRY, f"run --rm {image} true").returncode == 125


@pytest.mark.parametrize("command", [DOCKER, WHERRY], ids=["docker", "wherry"])
def test_login_by_a_credential_helper(
    command: list[str], registry: str, person: Person, tmp_path: Path
) -> None:
    helper = FakeHelper.install(tmp_path / "helper")
    person.environment["PATH"] = f"{helper.bin}:{os.environ['PATH']}"
    (person.folder / "config.json").write_text(json.dumps({"credHelpers": {registry: "fake"}}))
    done = person.log_in(command, registry)
    assert done.returncode == 0, done.stderr
    assert helper.kept == {registry: [USER, PASSWORD]}
    assert PASSWORD not in (person.folder / "config.json").read_text()
    assert all(PASSWORD not in str(call["argv"]) for call in helper.calls)
    other = WHERRY if command is DOCKER else DOCKER
    assert person.run(other, f"login {registry}").stdout == "Login Succeeded\n"
    person.must(other, f"logout {registry}")
    assert helper.kept == {}


def test_login_on_a_terminal(registry: str, person: Person) -> None:
    words = [*WHERRY, "login", registry]
    with Terminal(words, person.environment, (24, 80), str(person.folder)) as terminal:
        terminal.expect("Username: ")
        terminal.send(f"{USER}\n")
        terminal.expect("Password: ")
        terminal.send(f"{PASSWORD}\n")
        assert terminal.end() == 0
        assert PASSWORD.encode() not in terminal.seen
        assert b"Login Succeeded" in terminal.seen


def test_interrupted_password_gives_the_echo_back(person: Person) -> None:
    shell = f"{shlex.join([*WHERRY, 'login', '-u', USER, '127.0.0.1:1'])}; stty -a"
    with Terminal(["bash", "-c", shell], person.environment, (24, 80), "/") as terminal:
        terminal.expect("Password: ")
        terminal.send("\x03")
        terminal.end()
        assert b" echo " in terminal.seen


def test_manifest_lists_by_both_in_every_registry(
    registry: str, person: Person, wherry: Engine
) -> None:
    image = f"{registry}/lists/app:1"
    wherry.output("tag", "busybox", image)
    person.log_in(WHERRY, registry)
    person.must(WHERRY, f"push {image}")
    wherry.output("rmi", image)
    digests = []
    for command, other in ((DOCKER, WHERRY), (WHERRY, DOCKER)):
        # Another repository, so that the image's blobs have to be mounted there.
        target = f"{registry}/lists/{'docker' if command is DOCKER else 'wherry'}:1"
        person.must(command, f"manifest create --insecure {target} {image}")
        annotated = f"manifest annotate --variant v2 {target} {image}"
        person.must(other, annotated)
        digests.append(person.must(command, f"manifest push --insecure -p {target}").split()[-1])
        found = json.loads(person.must(other, f"manifest inspect --insecure {target}"))
        assert found["manifests"][0]["platform"]["variant"] == "v2"
    assert digests[0] == digests[1]


LINES = """
login $R
login -u alice
login -u alice -p x --password-stdin $R
login --password-stdin $R
login -u '' $R
login -u alice -p '' $R
login -u alice -p wrong $R
login -u alice -p $P $R
login $R
login http://$R
manifest inspect --insecure $R/team/app:1
manifest inspect -v --insecure $R/team/app:1
manifest inspect --insecure $R/team/nosuch
manifest inspect Bad
manifest create --insecure $R/team/list:1 $R/team/app:1
manifest create --insecure $R/team/list:1 $R/team/app:1
manifest create --amend --insecure $R/team/list:1 $R/team/app:1
manifest inspect $R/team/list:1
manifest inspect -v $R/team/list:1
manifest inspect $R/team/list:1 $R/team/app:1
manifest inspect -v $R/team/list:1 $R/team/app:1
manifest inspect $R/team/list:1 $R/team/nosuch
manifest annotate --arch arm64 --os linux --variant v8 $R/team/list:1 $R/team/app:1
manifest annotate --os-version 1.2 --os-features a,b --os-features a $R/team/list:1 $R/team/app:1
manifest annotate --arch vax $R/team/list:1 $R/team/app:1
manifest annotate $R/team/list:1 nosuch
manifest annotate nosuch nosuch
manifest inspect $R/team/list:1
manifest push --insecure $R/team/list:1
manifest push nosuch
manifest create --insecure $R/other/list:1 $R/team/app:1
manifest push --purge --insecure $R/other/list:1
manifest inspect --insecure $R/team/list:1
manifest inspect -v --insecure $R/team/list:1
manifest create --insecure $R/team/l2:1 $R/team/list:1
manifest rm $R/team/list:1 nosuch
manifest rm
search $S/foo
search --no-trunc $S/foo
search --limit 2 $S/foo
search --limit 101 $S/foo
search --limit -1 $S/foo
search -f stars=3 $S/foo
search -f stars=x $S/foo
search -f is-official=true $S/foo
search -f foo=bar $S/foo
search -f foo $S/foo
search --format json $S/foo
search --format '{{.Name}}|{{.Description}}|{{.StarCount}}|{{.IsOfficial}}' $S/foo
search --format 'table {{.Name}}\\t{{.StarCount}}' $S/foo
search
search a b
logout nosuch.example
logout $R
logout
"""


def test_wherry_says_what_docker_says(
    docker_registry: str, dockerd: Engine, tmp_path: Path
) -> None:
    """Line by line on the same engine, each with a configuration folder of its own."""
    theirs, ours = Person(dockerd, tmp_path / "docker"), Person(dockerd, tmp_path / "ours")
    with search_server() as searched:
        for line in LINES.strip().splitlines():
            line = line.replace("$R", docker_registry).replace("$S", searched)
            line = line.replace("$P", PASSWORD)
            expected, found = theirs.run(DOCKER, line), ours.run(WHERRY, line)
            assert _told(found, ours) == _told(expected, theirs), line
            assert _files(ours) == _files(theirs), line


def _told(done: subprocess.CompletedProcess[str], person: Person) -> tuple[int, str, str]:
    def plain(text: str) -> str:
        text = text.replace(str(person.folder), "CONFIG").replace("docker: '", "wherry: '")
        for verb in ("login", "logout", "manifest", "search"):
            text = text.replace(f"docker {verb}", f"wherry {verb}")
        return text

    return done.returncode, plain(done.stdout), plain(done.stderr)


def _files(person: Person) -> dict[str, Any]:
    found = (path for path in person.folder.rglob("*") if path.is_file())
    return {str(path.relative_to(person.folder)): json.loads(path.read_text()) for path in found}


def test_search_on_both_engines(dockerd: Engine, wherry: Engine) -> None:
    with search_server() as address:
        for words in (["foo"], ["-f", "stars=3", "foo"], ["-f", "is-official=false", "foo"]):
            line = ["search", *words[:-1], f"{address}/{words[-1]}"]
            assert wherry.output(*line) == dockerd.output(*line)


def test_remote_inspection_by_docker_py(
    docker_registry: str, dockerd: Engine, wherry: Engine
) -> None:
    docker = pytest.importorskip("docker", reason="docker-py is not installed")
    login = {"username": USER, "password": PASSWORD}
    answers = []
    for engine in (dockerd, wherry):
        client = docker.DockerClient(base_url=engine.host, version="auto", timeout=60)
        image = f"{docker_registry}/team/app:1"
        answers.append(client.images.get_registry_data(image, auth_config=login).attrs)
        with pytest.raises(docker.errors.NotFound):
            client.images.get_registry_data(f"{docker_registry}/no/such", auth_config=login)
        with pytest.raises(docker.errors.APIError) as raised:
            client.images.get_registry_data(image, auth_config={**login, "password": "wrong"})
        assert raised.value.status_code == 401
        client.close()
    assert answers[0] == answers[1]
