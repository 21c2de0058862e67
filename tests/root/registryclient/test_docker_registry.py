"""The client against Debian's docker-registry: there and back, every byte equal."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registries import DockerRegistry
from wherry.errors import NotFound, Unauthorized
from wherry.registry.config import RegistryConfig
from wherry.registry.credentials import Credentials
from wherry.registry.fetch import Downloads
from wherry.registry.push import Outcome, push_blob
from wherry.registry.session import Session
from wherry.spec import digest as digests
from wherry.spec import reference
from wherry.spec.image import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Descriptor, encode_manifest
from wherry.storage.stores import open_stores

pytestmark = pytest.mark.skipif(
    not DockerRegistry.is_installed(), reason="docker-registry is not installed"
)
CONFIG = RegistryConfig(first_retry_delay=0.01)


class Quiet:
    """A watcher that does not mind."""

    def advanced(self, done: int) -> None:
        """Nothing."""

    def retrying(self, seconds: float, reason: str) -> None:
        """Nothing."""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[DockerRegistry]:
    with DockerRegistry(tmp_path / "registry") as served:
        assert isinstance(served, DockerRegistry)
        yield served


def test_there_and_back(registry: DockerRegistry, tmp_path: Path) -> None:
    config, layer = b'{"os":"linux"}', random.Random(5).randbytes(6 << 20)
    parts = {
        digests.of(data): (Descriptor(kind, digests.of(data), len(data)), data)
        for kind, data in ((OCI_CONFIG, config), (OCI_LAYER, layer))
    }
    descriptors = [descriptor for descriptor, _ in parts.values()]
    manifest = encode_manifest(descriptors[0], (descriptors[1],))
    name = reference.parse(f"{registry.address}/a/b:v1")
    with Session(registry.address, CONFIG) as session:
        for descriptor, data in parts.values():

            def opened(data: bytes = data) -> io.BytesIO:
                return io.BytesIO(data)

            outcomes = [
                push_blob(session, repository, descriptor, opened, Quiet(), sources=("a/b",))
                for repository in ("a/b", "a/b", "c/d")
            ]
            assert [each.outcome for each in outcomes] == [
                Outcome.PUSHED,
                Outcome.EXISTED,
                Outcome.MOUNTED,
            ]
        assert session.put_manifest("a/b", "v1", OCI_MANIFEST, manifest) == digests.of(manifest)
        assert session.describe(name).digest == digests.of(manifest)
        assert session.resolve(name).document == manifest
        assert session.has_manifest("a/b", digests.of(manifest))
        assert list(session.tags("a/b")) == ["v1"]
        assert list(session.catalog()) == ["a/b", "c/d"]
        _fetch_all(session, descriptors, tmp_path)
        session.delete_manifest("a/b", digests.of(manifest))
        with pytest.raises(NotFound, match=r"manifest for .* not found: manifest unknown"):
            session.resolve(name)


def _fetch_all(session: Session, descriptors: list[Descriptor], tmp_path: Path) -> None:
    stores = open_stores(str(tmp_path / "data"))
    downloads = Downloads(stores.content)
    with stores.collector.lease() as lease:
        for descriptor in descriptors:
            downloads.fetch(session, "a/b", descriptor, lease, Quiet())
            with stores.content.open(descriptor.digest) as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            assert f"sha256:{found}" == descriptor.digest
    stores.close()


def test_htpasswd(tmp_path: Path) -> None:
    # bcrypt of "word", cost 4
    line = "me:$2b$04$abcdefghijklmnopqrstuuB/GrfUOm5dtrEiT8lcouu5XB5ftbWLi"
    (tmp_path / "htpasswd").write_text(line + "\n")
    auth = {"auth": {"htpasswd": {"realm": "tests", "path": str(tmp_path / "htpasswd")}}}
    with DockerRegistry(tmp_path / "registry", auth) as registry:
        with Session(registry.address, CONFIG, Credentials("me", "word")) as session:
            assert session.log_in() == ""
            assert list(session.catalog()) == []
        for wrong in (Credentials("me", "wrong"), Credentials()):
            with (
                Session(registry.address, CONFIG, wrong) as session,
                pytest.raises(Unauthorized),
            ):
                session.log_in()
