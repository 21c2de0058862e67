"""What a manifest says it is, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.errors import Invalid, Unsupported
from wherry.registry import documents
from wherry.spec import digest as digests
from wherry.spec.image import DOCKER_INDEX, OCI_INDEX, OCI_MANIFEST, Descriptor, encode

CONFIG = {"mediaType": "application/x", "digest": digests.of(b""), "size": 0}
MANIFEST = {"schemaVersion": 2, "config": CONFIG, "layers": []}
INDEX = {"schemaVersion": 2, "manifests": []}


def _describe(document: Any, content_type: str, told: str = "", asked: Any = "tag") -> Descriptor:
    return documents.describe(encode(document), content_type, told, asked)


def test_a_manifest() -> None:
    data = encode(MANIFEST)
    found = documents.describe(data, f"{OCI_MANIFEST}; charset=utf-8", digests.of(data), "tag")
    assert found == Descriptor(OCI_MANIFEST, digests.of(data), len(data))


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain"])
def test_without_a_type_the_content_decides(content_type: str) -> None:
    assert _describe(INDEX, content_type).media_type == OCI_INDEX
    own = {**INDEX, "mediaType": DOCKER_INDEX}
    assert _describe(own, content_type).media_type == DOCKER_INDEX


@pytest.mark.parametrize(
    ("document", "content_type", "words"),
    [
        (MANIFEST, OCI_INDEX, "its content is"),
        (INDEX, OCI_MANIFEST, "its content is"),
        ({**MANIFEST, "mediaType": OCI_INDEX}, "", "its content is"),
        ({**MANIFEST, "mediaType": OCI_MANIFEST}, DOCKER_INDEX, "it says itself"),
        ({**MANIFEST, "manifests": []}, OCI_MANIFEST, "at once"),
        ([], OCI_MANIFEST, "no JSON object"),
    ],
)
def test_lies_about_the_type(document: Any, content_type: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        _describe(document, content_type)


def test_a_wrong_digest() -> None:
    other = digests.of(b"other")
    with pytest.raises(Invalid, match="digest"):
        _describe(MANIFEST, OCI_MANIFEST, other)
    with pytest.raises(Invalid, match="digest"):
        _describe(MANIFEST, OCI_MANIFEST, "", other)


def test_what_was_asked_for_has_to_fit() -> None:
    data = encode(MANIFEST)
    right = Descriptor(OCI_MANIFEST, digests.of(data), len(data))
    assert documents.describe(data, OCI_MANIFEST, "", right) == right
    with pytest.raises(Invalid, match="bytes"):
        documents.describe(data, OCI_MANIFEST, "", Descriptor(OCI_MANIFEST, right.digest, 1))
    with pytest.raises(Invalid, match="type"):
        documents.describe(data, OCI_MANIFEST, "", Descriptor(OCI_INDEX, right.digest, len(data)))


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        ({"schemaVersion": 1, "fsLayers": []}, ""),
        (MANIFEST, documents.SCHEMA_1[1]),
    ],
)
def test_schema_1_is_refused_with_a_remedy(document: Any, content_type: str) -> None:
    with pytest.raises(Unsupported) as caught:
        _describe(document, content_type)
    assert "schema 1" in caught.value.message and "skopeo" in caught.value.hint


def test_sha512() -> None:
    import hashlib

    data = encode(MANIFEST)
    asked = "sha512:" + hashlib.sha512(data).hexdigest()
    assert documents.describe(data, OCI_MANIFEST, "", asked).digest == asked
