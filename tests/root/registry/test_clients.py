"""Real clients: skopeo both ways, the docker CLI with dockerd, one registry after the other."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import images
from tests.engines import Engine
from tests.registries import DockerRegistry, WherryRegistry
from tests.registryclient import RegistryClient

pytestmark = pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")


def skopeo(*words: str) -> str:
    """Run skopeo; returns its output."""
    done = subprocess.run(
        ["skopeo", "--insecure-policy", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def copy(source: str, target: str, *words: str) -> None:
    """Copy an image between registries (without TLS) and folders, keeping every digest."""
    flags = ["--src-tls-verify=false", "--dest-tls-verify=false", "--preserve-digests"]
    skopeo("copy", *flags, *words, source, target)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WherryRegistry]:
    with WherryRegistry(tmp_path_factory.mktemp("clients")) as process:
        yield process


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "busybox.tar"
    path.write_bytes(images.busybox_archive())
    return path


@pytest.fixture(scope="module")
def pushed(registry: WherryRegistry, archive: Path) -> str:
    """A reference of an image that skopeo has pushed to our registry."""
    reference = f"docker://{registry.address}/lib/busybox:1"
    words = ("--format", "oci", "--dest-tls-verify=false")
    skopeo("copy", *words, f"docker-archive:{archive}", reference)
    return reference


def digest(reference: str) -> str:
    """The digest of the manifest behind a reference."""
    text = skopeo("inspect", "--tls-verify=false", "--format", "{{.Digest}}", reference)
    return text.strip()


def test_skopeo_both_ways(registry: WherryRegistry, pushed: str, tmp_path: Path) -> None:
    copy(pushed, f"oci:{tmp_path / 'layout'}:1")
    back = f"docker://{registry.address}/lib/back:1"
    skopeo("copy", "--dest-tls-verify=false", f"oci:{tmp_path / 'layout'}:1", back)
    copy(back, f"oci:{tmp_path / 'again'}:1")
    first, second = (
        sorted(path.name for path in (tmp_path / name / "blobs" / "sha256").iterdir())
        for name in ("layout", "again")
    )
    assert first == second
    tags = json.loads(skopeo("list-tags", "--tls-verify=false", pushed.rpartition(":")[0]))
    assert tags["Tags"] == ["1"]


def test_to_docker_registry_and_back(registry: WherryRegistry, pushed: str, tmp_path: Path) -> None:
    if not DockerRegistry.is_installed():
        pytest.skip("docker-registry is not installed")
    with DockerRegistry(tmp_path / "other") as other:
        there = f"docker://{other.address}/lib/busybox:1"
        copy(pushed, there)
        copy(there, f"docker://{registry.address}/lib/returned:1")
        returned = f"docker://{registry.address}/lib/returned:1"
        assert digest(pushed) == digest(there) == digest(returned)


def test_skopeo_deletes(registry: WherryRegistry, pushed: str) -> None:
    copy(pushed, f"docker://{registry.address}/lib/deleted:1")
    skopeo("delete", "--tls-verify=false", f"docker://{registry.address}/lib/deleted:1")
    with RegistryClient(registry.address) as client:
        assert client.get("/v2/lib/deleted/manifests/1").status == 404


def test_dockerd_pushes_and_pulls(registry: WherryRegistry, dockerd: Engine, archive: Path) -> None:
    dockerd.output("load", "-i", str(archive))
    name = f"{registry.address}/lib/from-docker:1"
    dockerd.output("tag", "busybox:latest", name)
    dockerd.output("push", name)
    before = _inspect(dockerd, name)
    dockerd.output("rmi", name, "busybox:latest")
    try:
        dockerd.output("pull", name)
        after = _inspect(dockerd, name)
        dockerd.output("rmi", name)
    finally:
        dockerd.output("load", "-i", str(archive))
    assert (before["Id"], before["RepoDigests"]) == (after["Id"], after["RepoDigests"])
    assert digest(f"docker://{name}") == after["RepoDigests"][0].partition("@")[2]


def _inspect(engine: Engine, name: str) -> dict[str, Any]:
    return dict(json.loads(engine.output("image", "inspect", name))[0])


@pytest.fixture
def loaded(wherry: Engine, archive: Path) -> Engine:
    """An engine of ours with the image, which keeps no blob of its layer."""
    wherry.output("load", "-i", str(archive))
    return wherry


def test_an_engines_images_without_a_copy(loaded: Engine, tmp_path: Path) -> None:
    """The layer was loaded as a plain tar, of which no blob is kept: its recipe re-creates it."""
    blobs = _size(loaded.data_root / "blobs")
    image = _inspect(loaded, "busybox")["Id"]
    options = ["--data-root", str(loaded.data_root)]
    with WherryRegistry(tmp_path / "view", options) as view:
        copy(f"docker://{view.address}/library/busybox:latest", f"oci:{tmp_path / 'layout'}:1")
        index = json.loads((tmp_path / "layout" / "index.json").read_text())
        manifest = _blob(tmp_path / "layout", index["manifests"][0]["digest"])
        assert manifest["config"]["digest"] == image
        with RegistryClient(view.address) as client:
            assert "library/busybox" in client.get("/v2/_catalog").json["repositories"]
            assert client.get("/v2/busybox/tags/list").json["tags"] == ["latest"]
            assert client.begin("busybox").status == 405
            layer = f"/v2/busybox/blobs/{manifest['layers'][0]['digest']}"
            whole = client.get(layer).body
            assert client.get(layer, {"Range": "bytes=1000-1999"}).body == whole[1000:2000]
            assert client.get(layer, {"Range": "bytes=-7"}).body == whole[-7:]
    assert _size(loaded.data_root / "blobs") == blobs
    assert loaded.output("images", "-q")


def _blob(layout: Path, name: str) -> dict[str, Any]:
    return dict(json.loads((layout / "blobs" / "sha256" / name.partition(":")[2]).read_text()))


def _size(root: Path) -> int:
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def test_dockerd_pulls_from_an_engine(loaded: Engine, dockerd: Engine, tmp_path: Path) -> None:
    image = _inspect(loaded, "busybox")["Id"]
    with WherryRegistry(tmp_path / "view", ["--data-root", str(loaded.data_root)]) as view:
        name = f"{view.address}/busybox:latest"
        dockerd.output("pull", name)
        assert _inspect(dockerd, name)["Id"] == image
        dockerd.output("rmi", name)


def test_a_folder_that_no_engine_has_used(tmp_path: Path) -> None:
    view = WherryRegistry(tmp_path / "view", ["--data-root", str(tmp_path)])
    with pytest.raises(RuntimeError, match="is not the data root of an engine"), view:
        pass
