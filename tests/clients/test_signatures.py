"""Signatures end to end: signed by `wherry image sign` into real registries, asked for at pull."""

from __future__ import annotations

import base64
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import keys
from tests.conftest import running
from tests.engines import Engine
from tests.registries import DockerRegistry, RegistryProcess, WherryRegistry

WHERRY = [sys.executable, "-I", "-c", "from wherry.cli.main import main; main()"]


@dataclass
class Stage:
    """An engine under a policy, a registry, a key `a` that the policy trusts."""

    engine: Engine
    registry: str
    folder: Path

    @property
    def image(self) -> str:
        return f"{self.registry}/team/app"

    def policy(self, *rules: dict[str, Any]) -> None:
        """Replace the policy; it counts from the next pull on."""
        (self.folder / "policy.json").write_text(json.dumps({"rules": rules}))

    def push(self, image: str, tag: str) -> str:
        """Make the tag lead to an image of the engine; the digest in the registry."""
        name = f"{self.image}:{tag}"
        self.engine.output("tag", image, name)
        self.engine.output("push", "-q", name)
        self.engine.output("rmi", name)
        document = self.must(f"manifest inspect -v {name}")
        return str(json.loads(document)["Descriptor"]["digest"])

    def must(self, line: str, stdin: str = "") -> str:
        done = self.run(line, stdin)
        assert done.returncode == 0, (line, done.stderr)
        return done.stdout.strip()

    def run(self, line: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*WHERRY, *shlex.split(line)],
            env=self.engine.environment, input=stdin, capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    def key(self, name: str, kind: str = "ecdsa", passphrase: bytes = b"") -> str:
        """A new key pair; the private half's path."""
        return keys.write(self.folder, name, kind, passphrase)[0]

    def pull(self, tag: str) -> str:
        """Pull by docker; "" if that went well, else what it said."""
        done = self.engine.docker("pull", "-q", f"{self.image}:{tag}")
        if done.returncode:
            return done.stderr.decode()
        self.engine.output("rmi", f"{self.image}:{tag}")
        return ""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="signatures-"))
    (path / "policy.json").write_text("{}")
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Engine]:
    """An engine of this module's own, since its policy changes."""
    with running("wherry", [f"--signature-policy={folder / 'policy.json'}"]) as engine:
        container = engine.output("create", "busybox", "true")
        archive = engine.docker("export", container, check=True).stdout
        engine.output("import", "-", "other", stdin=archive)
        engine.output("rm", container)
        yield engine


@pytest.fixture(scope="module", params=["wherry", "docker-registry"])
def registry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """With and without the referrers API: docker-registry 2.8 has only the tags."""
    root = tmp_path_factory.mktemp("registry")
    if request.param == "docker-registry" and not DockerRegistry.is_installed():
        pytest.skip("docker-registry is not installed")
    made: RegistryProcess = (
        WherryRegistry(root) if request.param == "wherry" else DockerRegistry(root)
    )
    with made:
        yield made.address


@pytest.fixture
def stage(engine: Engine, registry: str, folder: Path) -> Stage:
    made = Stage(engine, registry, folder)
    made.key("a")
    made.policy({"match": f"{registry}/team", "action": "signed", "keys": ["a.pub"]})
    return made


@pytest.mark.parametrize("kind", keys.KINDS)
def test_unsigned_refused_signed_accepted_moved_refused(stage: Stage, kind: str) -> None:
    key = stage.key("a", kind)
    digest = stage.push("busybox", kind)
    refused = stage.pull(kind)
    assert "may not be used" in refused and f'the row "{stage.registry}/team"' in refused
    assert digest in refused and f"image sign --key KEY {stage.image}@{digest}" in refused
    assert stage.must(f"image sign --key {key} {stage.image}:{kind}") == f"{stage.image}@{digest}"
    assert stage.pull(kind) == ""
    moved = stage.push("other", kind)
    assert moved != digest
    assert f"{moved}, and {stage.registry} has none" in stage.pull(kind)
    assert stage.pull(f"{kind}@{digest}") == "", "what was signed is still there by digest"


def test_a_refused_image_leaves_nothing(stage: Stage) -> None:
    stage.push("other", "nothing")
    before = stage.engine.output("images", "-aq")
    done = stage.engine.docker("run", "--rm", f"{stage.image}:nothing", "true")
    assert done.returncode == 125 and b"may not be used" in done.stderr
    assert stage.engine.output("images", "-aq") == before
    with stage.engine.connect() as api:
        query = f"/images/create?fromImage={stage.image}&tag=nothing"
        assert api.request("POST", query).status == 403


def test_openssl_agrees_with_what_is_stored(stage: Stage) -> None:
    """And the place is the one where older readers look: the tag `sha256-<hex>.sig`."""
    digest = stage.push("busybox", "openssl")
    stage.must(f"image sign --key {stage.folder / 'a.key'} {stage.image}:openssl")
    tag = f"{digest.replace(':', '-')}.sig"
    manifest = _get(f"http://{stage.registry}/v2/team/app/manifests/{tag}")
    layer = json.loads(manifest)["layers"][-1]
    payload = _get(f"http://{stage.registry}/v2/team/app/blobs/{layer['digest']}")
    _openssl_agrees(stage.folder, payload, layer["annotations"])
    critical = json.loads(payload)["critical"]
    assert critical["image"]["docker-manifest-digest"] == digest
    assert critical["identity"]["docker-reference"] == stage.image


def _get(url: str) -> bytes:
    accept = "application/vnd.oci.image.manifest.v1+json"
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


def _openssl_agrees(folder: Path, payload: bytes, annotations: dict[str, str]) -> None:
    """A second opinion: the signature verifies by openssl, over the payload as it is stored."""
    (folder / "payload").write_bytes(payload)
    signed = base64.b64decode(annotations["dev.cosignproject.cosign/signature"])
    (folder / "signature").write_bytes(signed)
    subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", "a.pub", "-signature", "signature", "payload"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip


def test_two_keys_and_a_change_of_mind(stage: Stage) -> None:
    stage.push("busybox", "two")
    for name in ("b", "c"):
        stage.must(f"image sign --key {stage.key(name)} {stage.image}:two")
    row = {"match": stage.registry, "action": "signed", "keys": ["b.pub"]}
    stage.policy(row)
    assert stage.pull("two") == ""
    stage.policy(row | {"keys": ["a.pub", "c.pub"], "identity": "repository"})
    assert stage.pull("two") == ""
    stage.policy(row | {"keys": ["a.pub"]})
    assert "has a signature by another key" in stage.pull("two")
    stage.policy(row, {"match": f"{stage.registry}/team/app", "action": "reject"})
    assert "rejects it" in stage.pull("two")
    stage.policy()
    assert stage.pull("two") == ""


def test_a_broken_policy_lets_nothing_in(stage: Stage) -> None:
    stage.push("busybox", "broken")
    (stage.folder / "policy.json").write_text("{")
    assert "no image can be pulled: signature policy" in stage.pull("broken")


def test_a_list_is_signed_as_a_whole(stage: Stage) -> None:
    stage.push("busybox", "part")
    stage.must(f"manifest create {stage.image}:list {stage.image}:part")
    stage.must(f"manifest push --purge {stage.image}:list")
    assert "may not be used" in stage.pull("list")
    stage.must(f"image sign --key {stage.folder / 'a.key'} {stage.image}:list")
    assert stage.pull("list") == ""


def test_keys_with_a_passphrase(stage: Stage) -> None:
    key = stage.key("locked", passphrase=b"open sesame")
    stage.push("busybox", "locked")
    refused = stage.run(f"image sign --key {key} {stage.image}:locked")
    assert refused.returncode == 1 and "it is encrypted (see --passphrase-file)" in refused.stderr
    command = f"image sign --key {key} --passphrase-file - {stage.image}:locked"
    stage.must(command, "open sesame\n")
    wrong = stage.run(command, "close sesame\n")
    assert wrong.returncode == 1 and "sesame" not in wrong.stderr
    stage.policy({"match": stage.registry, "action": "signed", "keys": ["locked.pub"]})
    assert stage.pull("locked") == ""


def test_signing_what_is_not_there(stage: Stage) -> None:
    done = stage.run(f"image sign --key {stage.folder / 'a.key'} {stage.image}:nosuch")
    assert done.returncode == 1 and done.stderr == f"no such manifest: {stage.image}:nosuch\n"
    assert "name the file" in stage.run(f"image sign {stage.image}:nosuch").stderr
