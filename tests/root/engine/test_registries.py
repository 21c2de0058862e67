"""Pull and push against Debian's docker-registry, skopeo and dockerd: digests stay equal."""

from __future__ import annotations

import http.server
import json
import os
import platform
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import images, ocicontent
from tests.conftest import running
from tests.engines import Engine
from tests.meter import Meter
from tests.ocicontent import Repository
from tests.registries import DockerRegistry, WherryRegistry

pytestmark = pytest.mark.skipif(
    not DockerRegistry.is_installed(), reason="docker-registry (Debian) is not installed"
)
HOST = {"os": "linux", "architecture": images.ARCHITECTURES.get(platform.machine(), "amd64")}
OTHER = {"os": "linux", "architecture": "s390x"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    made = DockerRegistry(tmp_path_factory.mktemp("docker-registry"))
    with made:
        yield made


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with running("wherry") as made:
        yield made


@pytest.fixture
def repository(
    registry: DockerRegistry, engine: Engine, request: pytest.FixtureRequest
) -> Iterator[Repository]:
    """A repository of this test's own; what the engine has of it is removed afterwards."""
    name = request.node.name.replace("[", "-").strip("]").lower()
    yield Repository(registry.address, f"tests/{name}")
    engine.docker("rm", "-f", *engine.output("ps", "-aq").split())
    listed = engine.output("images", "--format", "{{.Repository}}:{{.Tag}}", "127.0.0.1:*/*/*")
    engine.docker("rmi", "-f", *(line for line in listed.split() if "<none>" not in line))
    engine.output("image", "prune", "-f")


def skopeo(*arguments: str) -> str:
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed")
    done = subprocess.run(["skopeo", *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def inspect(engine: Engine, name: str, *more: str) -> dict[str, Any]:
    found = json.loads(engine.output("image", "inspect", *more, name))
    assert isinstance(found[0], dict)
    return found[0]


def api(engine: Engine, path: str) -> Any:
    with engine.connect() as connection:
        answer = connection.request("GET", path)
        assert answer.status == 200, answer
        return json.loads(answer.body)


def content(engine: Engine) -> tuple[set[str], set[str]]:
    """Names of blobs and of layers on disk, whole ones (unfinished downloads are kept a week)."""
    blobs = set(os.listdir(engine.data_root / "blobs" / "sha256"))
    return blobs, set(os.listdir(engine.data_root / "layers"))


def layers(count: int, size: int) -> list[bytes]:
    """Tars of bytes that do not compress."""
    return [ocicontent.tar({f"file{number}": os.urandom(size)}) for number in range(count)]


@pytest.mark.parametrize("format", ["v2s2", "oci"])
def test_every_digest_is_equal_at_every_step(
    repository: Repository, engine: Engine, tmp_path: Path, format: str
) -> None:
    """docker-registry, our pull, our save, skopeo, our registry, skopeo and our pull again."""
    archive = tmp_path / "busybox.tar"
    archive.write_bytes(images.busybox_archive())
    first = repository.reference("1")
    skopeo("copy", "--dest-tls-verify=false", f"--format={format}",
           f"docker-archive:{archive}", f"docker://{first}")  # fmt: skip
    wanted, document = repository.get("1")

    engine.output("pull", first)
    assert inspect(engine, first)["RepoDigests"] == [
        f"{repository.address}/{repository.name}@{wanted}"
    ]
    saved = tmp_path / "saved.tar"
    engine.output("save", "-o", str(saved), first)
    with WherryRegistry(tmp_path / "ours") as ours:
        second = Repository(ours.address, "again/busybox")
        skopeo("copy", "--dest-tls-verify=false", "--preserve-digests",
               f"oci-archive:{saved}", f"docker://{second.reference('2')}")  # fmt: skip
        assert second.get("2") == (wanted, document)
        skopeo("copy", "--src-tls-verify=false", "--preserve-digests",
               f"docker://{second.reference('2')}", f"dir:{tmp_path}/dir")  # fmt: skip
        engine.output("rmi", first)
        engine.output("pull", second.reference("2"))
        assert (
            engine.output("run", "--rm", "--network=none", second.reference("2"), "echo", "up")
            == "up"
        )
        engine.output("tag", second.reference("2"), repository.reference("3"))
        engine.output("push", repository.reference("3"))
    assert repository.get("3") == (wanted, document)


def test_dockerd_pulls_what_we_push(
    repository: Repository, engine: Engine, dockerd: Engine
) -> None:
    name = repository.reference("ours")
    engine.output("tag", "busybox", name)
    said = engine.output("push", name)
    digest, _ = repository.get("ours")
    assert f"ours: digest: {digest} size: " in said
    dockerd.output("pull", name)
    assert inspect(dockerd, name)["Id"] == inspect(engine, "busybox")["Id"]
    assert dockerd.output("run", "--rm", name, "echo", "hello") == "hello"
    dockerd.output("rmi", name)
    assert engine.output("push", name).count("Layer already exists") == 1
    assert repository.get("ours")[0] == digest


def test_a_blob_is_mounted_from_where_it_came(repository: Repository, engine: Engine) -> None:
    name = repository.reference("1")
    repository.image(layers(2, 1000), HOST, "1")
    engine.output("pull", name)
    other = f"{repository.address}/elsewhere/{repository.name}:1"
    engine.output("tag", name, other)
    assert engine.output("push", other).count(f"Mounted from {repository.name}") == 2


def index_of_everything(repository: Repository, url: str, foreign: bytes) -> str:
    """An index of four platforms' and other entries; its digest."""
    mine = repository.image([ocicontent.tar({"which": b"mine"})], HOST, Cmd=["x"])
    return str(
        repository.index(
            [
                repository.image([ocicontent.tar({"which": b"other"})], OTHER, Cmd=["x"]),
                mine,
                repository.windows(ocicontent.tar({"Files/a": b"b"}), foreign, url),
                repository.artifact(b"about", about="x")
                | {
                    "platform": {"os": "unknown", "architecture": "unknown"},
                    "annotations": {
                        "vnd.docker.reference.type": "attestation-manifest",
                        "vnd.docker.reference.digest": mine["digest"],
                    },
                },
            ],
            "multi",
        )["digest"]
    )


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A web server for foreign layers: its directory and address."""
    root = tmp_path / "elsewhere"
    root.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=os.fspath(root))

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield root, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def multi(repository: Repository, elsewhere: tuple[Path, str]) -> str:
    import gzip

    root, address = elsewhere
    foreign = ocicontent.tar({"Files/base": b"windows"})
    (root / "layer").write_bytes(gzip.compress(foreign, 1, mtime=0))
    return index_of_everything(repository, f"{address}/layer", foreign)


def test_every_platform_behind_one_name(
    repository: Repository, engine: Engine, multi: str, tmp_path: Path
) -> None:
    name = repository.reference("multi")
    before = content(engine)
    engine.output("pull", "--platform", "all", name)
    shown = inspect(engine, name)
    assert shown["Architecture"] == HOST["architecture"]
    assert shown["RepoDigests"][0].endswith(multi)
    listed = engine.output("images", "-a", "-q", f"{repository.address}/{repository.name}")
    assert len(listed.split()) == 1
    for wanted in (OTHER, {"os": "windows", "architecture": "amd64"}):
        query = json.dumps(wanted).replace('"', "%22").replace(" ", "")
        other = api(engine, f"/v1.51/images/{name}/json?platform={query}")
        assert (other["Os"], other["Architecture"]) == (wanted["os"], wanted["architecture"])
        assert other["RepoTags"] == shown["RepoTags"]
    manifests = api(engine, f"/v1.51/images/{name}/json?manifests=1")["Manifests"]
    assert [one["Kind"] for one in manifests] == ["image", "image", "image", "attestation"]
    assert all(one["Available"] for one in manifests)

    saved = tmp_path / "saved.tar"
    engine.output("save", "-o", str(saved), name)
    second = repository.reference("second")
    engine.output("tag", name, second)
    engine.output("push", second)
    assert repository.get("second")[0] == multi
    skopeo("copy", "--all", "--preserve-digests", f"oci-archive:{saved}", f"dir:{tmp_path}/dir")
    assert ocicontent.digest((tmp_path / "dir" / "manifest.json").read_bytes()) == multi
    engine.output("rmi", name, second)
    assert content(engine) == before


def test_one_platform_after_the_other(repository: Repository, engine: Engine, multi: str) -> None:
    name = repository.reference("multi")
    engine.output("pull", "--platform", "linux/s390x", name)
    assert inspect(engine, name)["Architecture"] == "s390x"
    engine.output("pull", name)
    assert inspect(engine, name)["Architecture"] == HOST["architecture"]
    created = engine.output("create", "--platform", "linux/s390x", name)
    assert engine.output("export", created)
    failed = engine.docker("run", "--rm", "--platform", "windows/amd64", "--pull=never", name, "x")
    assert failed.returncode != 0
    said = engine.output("push", name)
    assert f"digest: {multi}" not in said  # only a part is here, so one platform's manifest went


def test_windows_is_kept_and_not_run(repository: Repository, engine: Engine, multi: str) -> None:
    name = repository.reference("multi")
    engine.output("pull", "--platform", "windows/amd64", name)
    shown = inspect(engine, name)
    assert (shown["Os"], shown["OsVersion"]) == ("windows", "10.0.17763.1234")
    failed = engine.docker("run", "--rm", name, "cmd")
    assert b'operating system "windows" cannot be used on this platform' in failed.stderr
    pushed = engine.output("push", name)
    assert "Skipped foreign layer" in pushed


def test_an_artifact_is_kept_and_not_run(repository: Repository, engine: Engine) -> None:
    wanted = repository.artifact(b"flour, water", "recipe")["digest"]
    name = repository.reference("recipe")
    before = content(engine)
    engine.output("pull", name)
    assert engine.output("images", "-q", f"{repository.address}/{repository.name}")
    failed = engine.docker("run", "--rm", name, "x")
    assert b"artifact of type application/x.recipe" in failed.stderr
    engine.output("tag", name, repository.reference("again"))
    engine.output("push", repository.reference("again"))
    assert repository.get("again")[0] == wanted
    engine.output("rmi", name, repository.reference("again"))
    assert content(engine) == before


def test_refusals(repository: Repository, engine: Engine) -> None:
    repository.image(layers(1, 10), OTHER, "foreign")
    repository.index([repository.image(layers(1, 10), OTHER)], "index")
    for name, words in (
        (repository.reference("nosuch"), "manifest unknown"),
        (f"{repository.address}/no/such", "not found"),
        (repository.reference("index"), "no matching manifest for linux/"),
        (f"{repository.address}/{repository.name}@{ocicontent.digest(b'nosuch')}", "not found"),
    ):
        failed = engine.docker("pull", name)
        assert failed.returncode == 1 and words in failed.stderr.decode(), (name, failed.stderr)
    warned = engine.output("pull", "--platform", "linux/arm64", repository.reference("foreign"))
    assert "does not match the specified platform: wanted linux/arm64" in warned


def test_all_tags(repository: Repository, engine: Engine) -> None:
    for tag in ("a", "b"):
        repository.image(layers(1, 10), HOST, tag)
    name = f"{repository.address}/{repository.name}"
    engine.output("pull", "-a", name)
    assert sorted(engine.output("images", "--format", "{{.Tag}}", name).split()) == ["a", "b"]
    engine.output("tag", f"{name}:a", f"{name}:c")
    engine.output("push", "-a", name)
    assert repository.get("c") == repository.get("a")


def test_a_layer_that_is_not_what_the_config_says(repository: Repository, engine: Engine) -> None:
    good = repository.image(layers(1, 10), HOST)
    document = repository.get(good["digest"])[1]
    document["layers"] = repository.get(repository.image(layers(1, 10), HOST)["digest"])[1][
        "layers"
    ]
    repository.put(document, "liar")
    before = content(engine)
    failed = engine.docker("pull", repository.reference("liar"))
    assert b"layer digest does not fit" in failed.stderr
    assert content(engine) == before


def test_run_pulls_what_is_missing(repository: Repository, engine: Engine) -> None:
    name = repository.reference("ours")
    engine.output("tag", "busybox", name)
    engine.output("push", name)
    engine.output("rmi", name)
    assert engine.docker("run", "--rm", "--pull=never", name, "true").returncode != 0
    assert engine.output("run", "--rm", "--network=none", name, "echo", "hi") == "hi"
    assert engine.output(
        "run", "--rm", "--network=none", "--pull=always", name, "echo", "hi"
    ).endswith("hi")


def interrupted(
    engine: Engine,
    repository: Repository,
    registry: DockerRegistry,
    end: Callable[[Engine, subprocess.Popen[bytes]], None],
) -> None:
    """A pull that `end` ends in the middle fetches nothing twice when it is done again."""
    repository.image(layers(3, 12 << 20), HOST, "big")
    size = sum(layer["size"] for layer in repository.get("big")[1]["layers"])
    with Meter(registry.port, rate=24 << 20) as meter:
        name = Repository(meter.address, repository.name).reference("big")
        pull = subprocess.Popen(
            ["docker", "pull", "-q", name],
            env=engine.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        meter.wait_for(size // 2)
        end(engine, pull)
        pull.wait(60)
        assert engine.docker("image", "inspect", name).returncode == 1
        meter.rate = 0
        before = meter.sent
        engine.output("pull", name)
        assert meter.sent <= size * 1.05, (before, meter.sent, size)
        engine.output("rmi", name)


def test_kill_9_in_the_middle_of_a_pull(
    registry: DockerRegistry, repository: Repository, own_wherry: Engine
) -> None:
    def kill(engine: Engine, pull: subprocess.Popen[bytes]) -> None:
        engine.kill(signal.SIGKILL)
        engine.start()

    interrupted(own_wherry, repository, registry, kill)


def test_a_client_that_goes_away_ends_its_pull(
    registry: DockerRegistry, repository: Repository, engine: Engine
) -> None:
    def leave(engine: Engine, pull: subprocess.Popen[bytes]) -> None:
        pull.send_signal(signal.SIGKILL)
        limit = time.monotonic() + 30
        partial = engine.data_root / "blobs" / "partial"
        while time.monotonic() < limit:  # until nothing grows any more
            sizes = [path.stat().st_size for path in partial.iterdir()]
            time.sleep(0.3)
            if sizes == [path.stat().st_size for path in partial.iterdir()]:
                return
        raise AssertionError("the download goes on")

    interrupted(engine, repository, registry, leave)


def test_two_pulls_share_one_download(
    registry: DockerRegistry, repository: Repository, engine: Engine
) -> None:
    repository.image(layers(2, 4 << 20), HOST, "one")
    size = sum(layer["size"] for layer in repository.get("one")[1]["layers"])
    with Meter(registry.port, rate=16 << 20) as meter:
        name = Repository(meter.address, repository.name).reference("one")
        pulls = [
            subprocess.Popen(["docker", "pull", "-q", name], env=engine.environment,
                             stdout=subprocess.DEVNULL)
            for _ in range(3)
        ]  # fmt: skip
        assert [pull.wait(60) for pull in pulls] == [0, 0, 0]
        assert meter.sent <= size * 1.05
        engine.output("rmi", name)


def test_disk_use_is_what_du_says(repository: Repository, own_wherry: Engine) -> None:
    """Fifty images that share their bases."""
    bases = layers(5, 2 << 20)
    for number in range(50):
        top = ocicontent.tar({f"top{number}": os.urandom(100_000)})
        repository.image([*bases[: 1 + number % 5], top], HOST, f"t{number}")
    own_wherry.output("rmi", "busybox")
    own_wherry.output("pull", "-q", "-a", f"{repository.address}/{repository.name}")
    usage = api(own_wherry, "/v1.51/system/df")
    assert len(usage["Images"]) == 50
    places = [own_wherry.data_root / "layers", own_wherry.data_root / "blobs"]
    said = subprocess.run(["du", "-s", "-B1", *places], capture_output=True, text=True, check=True)
    used = sum(int(line.split()[0]) for line in said.stdout.splitlines())
    assert usage["LayersSize"] == pytest.approx(used, rel=0.01)
