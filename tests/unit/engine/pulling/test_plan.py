"""What a manifest brings."""

from __future__ import annotations

import json

import pytest

from wherry.engine.pulling import plan
from wherry.errors import Invalid
from wherry.image.record import ARTIFACT, CONTENT, UNPACKED, StoredManifest
from wherry.spec import digest, image
from wherry.spec.image import Descriptor

D1, D2, B1, B2, CONFIG = (digest.of(name) for name in (b"d1", b"d2", b"b1", b"b2", b"config"))


def document(diff_ids: list[str], system: str = "linux") -> bytes:
    rootfs = {"type": "layers", "diff_ids": diff_ids}
    return json.dumps({"os": system, "architecture": "amd64", "rootfs": rootfs}).encode()


def manifest(*blobs: str) -> tuple[StoredManifest, image.Manifest]:
    layers = tuple(Descriptor(image.OCI_LAYER_GZIP, blob, 1) for blob in blobs)
    data = image.encode_manifest(Descriptor(image.OCI_CONFIG, CONFIG, 2), layers)
    return StoredManifest(digest.of(data), image.OCI_MANIFEST, data), image.parse_manifest(data)


def test_an_image_is_unpacked_when_wanted() -> None:
    planned = plan.image(*manifest(B1, B2), document([D1, D2]), unpack=True)
    assert planned.addition.kind == UNPACKED
    assert planned.addition.id == digest.of(document([D1, D2]))
    assert [(p.descriptor.digest, p.diff_id) for p in planned.parts] == [(B1, D1), (B2, D2)]


@pytest.mark.parametrize(("system", "unpack"), [("linux", False), ("windows", True)])
def test_others_keep_their_blobs(system: str, unpack: bool) -> None:
    planned = plan.image(*manifest(B1, B2), document([D1, D2], system), unpack=unpack)
    assert (planned.addition.kind, planned.addition.blobs) == (CONTENT, (B1, B2))
    assert not any(part.diff_id for part in planned.parts)


def test_an_artifact_keeps_its_config_too() -> None:
    stored, parsed = manifest(B1, B1)
    planned = plan.artifact(stored, parsed)
    assert (planned.addition.kind, planned.addition.id) == (ARTIFACT, stored.digest)
    assert planned.addition.blobs == (CONFIG, B1)


def test_one_layer_twice_is_one_part() -> None:
    planned = plan.image(*manifest(B1, B1), document([D1, D1]), unpack=True)
    assert len(planned.parts) == 1


def test_manifest_and_config_must_fit() -> None:
    with pytest.raises(Invalid, match="lists 1 layers, its config 2"):
        plan.image(*manifest(B1), document([D1, D2]), unpack=True)
    with pytest.raises(Invalid, match="for two layers"):
        plan.image(*manifest(B1, B1), document([D1, D2]), unpack=True)


def test_a_blob_of_two_images_is_one_part_unpacked() -> None:
    kept = plan.image(*manifest(B1), document([D1]), unpack=False)
    unpacked = plan.image(*manifest(B1, B2), document([D1, D2]), unpack=True)
    parts = plan.merged([kept, unpacked])
    assert {part.descriptor.digest: part.diff_id for part in parts} == {B1: D1, B2: D2}
