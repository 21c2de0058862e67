"""Manifest lists on the client: documents to the byte, and a store that is shared with docker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wherry.cli.failures import Failure
from wherry.cli.manifests.listed import Listed, encode_list, listed, rows_for
from wherry.cli.manifests.store import ManifestStore, NotStored
from wherry.spec import digest as digests
from wherry.spec import reference
from wherry.spec.image import DOCKER_MANIFEST, OCI_MANIFEST, Descriptor

TARGET = reference.parse("r:5000/team/list:1")
NAME = reference.parse("r:5000/team/app:1")
RAW = b'{\n   "schemaVersion": 2\n}'
PLATFORM = {"variant": "v8", "os": "linux", "architecture": "arm64", "os.features": []}


def _listed(name: str = str(NAME), kind: str = DOCKER_MANIFEST) -> Listed:
    return listed(name, Descriptor(kind, digests.of(RAW), len(RAW)), RAW, PLATFORM)


@pytest.fixture
def store(tmp_path: Path) -> ManifestStore:
    return ManifestStore({"DOCKER_CONFIG": str(tmp_path)})


def test_docker_list() -> None:
    document = encode_list([_listed().descriptor]).decode()
    assert document == (
        '{\n   "schemaVersion": 2,\n'
        '   "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",\n'
        '   "manifests": [\n      {\n'
        f'         "mediaType": "{DOCKER_MANIFEST}",\n'
        f'         "size": {len(RAW)},\n         "digest": "{digests.of(RAW)}",\n'
        '         "platform": {\n            "architecture": "arm64",\n'
        '            "os": "linux",\n            "variant": "v8"\n         }\n      }\n   ]\n}'
    )


def test_oci_list_and_member() -> None:
    one = _listed(kind=OCI_MANIFEST)
    assert json.loads(encode_list([one.descriptor]))["mediaType"].endswith("image.index.v1+json")
    assert "OCIManifest" in one.to_json() and "SchemaV2Manifest" in _listed().to_json()
    assert json.loads(encode_list([]))["manifests"] == []


def test_lists_do_not_span_registries() -> None:
    with pytest.raises(Failure, match=r"different registry than the target image: docker.io != r"):
        rows_for(TARGET, [_listed(), _listed("docker.io/library/debian:12")])


def test_store(store: ManifestStore, tmp_path: Path) -> None:
    with pytest.raises(NotStored, match="No such manifest: r:5000/team/list:1"):
        store.list(TARGET)
    store.save(TARGET, NAME, _listed())
    assert (tmp_path / "manifests/r-5000_team_list-1/r-5000_team_app-1").is_file()
    assert store.get(TARGET, NAME).to_json() == _listed().to_json()
    assert [one.raw for one in store.list(TARGET)] == [RAW]
    with pytest.raises(NotStored, match="No such manifest: r:5000/team/list:1"):
        store.get(TARGET, TARGET)
    store.remove(TARGET)
    assert not store.has(TARGET)
    with pytest.raises(NotStored):
        store.remove(TARGET)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"Raw": None}, "no manifest that can be read"),
        ({"Raw": "!"}, "no manifest that can be read"),
        ({"Raw": "e30="}, "does not fit its digest"),
        ({"Descriptor": {}}, "no manifest that can be read"),
        ({"Descriptor": None}, "no manifest that can be read"),
    ],
)
def test_what_does_not_fit_is_refused(
    store: ManifestStore, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    store.save(TARGET, NAME, _listed())
    path = tmp_path / "manifests/r-5000_team_list-1/r-5000_team_app-1"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(Failure, match=told):
        store.get(TARGET, NAME)
    path.write_text("{")
    with pytest.raises(Failure, match="is not JSON"):
        store.list(TARGET)
