"""Which manifests of an index a pull means."""

from __future__ import annotations

import pytest

from wherry.engine.pulling import choice
from wherry.engine.pulling.choice import Wanted, choose
from wherry.errors import Invalid, NotFound
from wherry.image.record import StoredManifest
from wherry.spec import digest, image, platform
from wherry.spec.image import Descriptor


def entry(text: str, name: str = "", **annotations: str) -> Descriptor:
    made = platform.parse(text) if text else None
    return Descriptor(image.OCI_MANIFEST, digest.of((name or text).encode()), 1, made, annotations)


ABOUT = entry("unknown/unknown", "about", **{image.REFERENCE_TYPE: "attestation-manifest"})
AMD64, ARM64, I386 = (entry(name) for name in ("linux/amd64", "linux/arm64", "linux/386"))
V3 = entry("linux/amd64/v3")


@pytest.mark.parametrize(
    ("entries", "wanted", "found"),
    [
        ([ARM64, AMD64], "linux/amd64", AMD64),
        ([V3, AMD64], "linux/amd64", AMD64),
        ([AMD64, V3], "linux/amd64/v4", V3),
        ([ABOUT, I386], "linux/amd64", I386),
        ([AMD64, entry("linux/amd64", "twin")], "linux/amd64", AMD64),
        ([entry("", "anything")], "linux/riscv64", entry("", "anything")),
    ],
)
def test_the_best_is_chosen(entries: list[Descriptor], wanted: str, found: Descriptor) -> None:
    assert choose(entries, Wanted(platform.parse(wanted))) == [found]


def test_all_has_the_own_first_and_what_is_said_about_it() -> None:
    wanted = Wanted(platform.parse("linux/amd64"), everything=True)
    assert choose([ABOUT, ARM64, AMD64], wanted) == [AMD64, ABOUT, ARM64]
    assert choose([ABOUT, ARM64], wanted) == [ARM64, ABOUT]


def test_none_fits() -> None:
    with pytest.raises(NotFound, match="no matching manifest for linux/s390x") as raised:
        choose([AMD64, ARM64, ABOUT], Wanted(platform.parse("linux/s390x")))
    assert "linux/amd64, linux/arm64/v8; choose" in raised.value.hint
    with pytest.raises(NotFound):
        choose([], Wanted(platform.parse("linux/s390x"), everything=True))


def stored(entries: list[Descriptor]) -> StoredManifest:
    data = image.encode_index(entries)
    return StoredManifest(digest.of(data), image.OCI_INDEX, data)


def test_nested_indexes_are_gathered() -> None:
    inner = stored([AMD64])
    documents = {inner.digest: inner.document}
    tree = choice.gather(stored([ARM64, inner.descriptor]), lambda one: documents[one.digest])
    assert [one.digest for one in tree.manifests] == [ARM64.digest, AMD64.digest]
    assert [one.digest for one in tree.documents] == [tree.root, inner.digest]


def test_nesting_ends() -> None:
    index = stored([AMD64])
    documents: dict[str, bytes] = {}
    for _ in range(8):
        documents[index.digest] = index.document
        index = stored([index.descriptor])
    with pytest.raises(Invalid, match="nested too deeply"):
        choice.gather(index, lambda one: documents[one.digest])
