"""The image store and the rules of removal, with images that have no layers (so without root)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from wherry.engine import imagelisting
from wherry.errors import Conflict, NotFound
from wherry.image.record import CONTENT, UNPACKED, Addition, Image, IndexTree, StoredManifest
from wherry.image.removal import ImageUser, Remover
from wherry.image.store import ImageStore
from wherry.spec import digest, platform, reference
from wherry.spec import image as documents
from wherry.storage.stores import Stores, open_stores


class Containers:
    """Who uses which image."""

    def __init__(self) -> None:
        self.by_image: dict[str, list[ImageUser]] = {}

    def users_of(self, image_id: str) -> Sequence[ImageUser]:
        return self.by_image.get(image_id, [])


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    opened = open_stores(os.fspath(tmp_path / "data"))
    yield opened
    opened.close()


@pytest.fixture
def store(stores: Stores) -> ImageStore:
    return ImageStore(stores.database, stores.layers, stores.collector)


@pytest.fixture
def containers() -> Containers:
    return Containers()


@pytest.fixture
def remover(store: ImageStore, containers: Containers) -> Remover:
    return Remover(store, containers)


def add(
    stores: Stores, store: ImageStore, number: int, *names: str, parent: str = "", **labels: str
) -> Image:
    document = {
        "architecture": "amd64",
        "os": "linux",
        "created": f"2024-01-01T00:00:{number % 60:02}Z",
        "config": {"Labels": labels},
        "comment": str(number),
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    with stores.collector.lease() as lease:
        image = store.add(json.dumps(document).encode(), lease, parent=parent)
    for name in names:
        store.tag(image.id, reference.parse(name).tagged())
    return store.get(image.id)


def done(steps: Sequence[object]) -> list[tuple[str, str]]:
    return [(getattr(step, "kind"), getattr(step, "name")) for step in steps]  # noqa: B009


def test_an_image_is_found_by_id_prefix_and_names(stores: Stores, store: ImageStore) -> None:
    image = add(stores, store, 1, "app", "host:5000/app:x")
    hexadecimal = digest.encoded(image.id)
    for ref in (image.id, hexadecimal, hexadecimal[:12], f"sha256:{hexadecimal[:8]}", "app",
                "app:latest", "docker.io/library/app", "host:5000/app:x"):  # fmt: skip
        assert store.resolve(ref).id == image.id


@pytest.mark.parametrize(
    ("ref", "shown"),
    [("nothing", "nothing:latest"), ("nothing:1", "nothing:1"), ("a b", "a b"),
     ("sha256:" + "0" * 64, "sha256:" + "0" * 64), ("../x", "../x"), ("", "")],
)  # fmt: skip
def test_unknown_images(store: ImageStore, ref: str, shown: str) -> None:
    with pytest.raises(NotFound) as caught:
        store.resolve(ref)
    assert caught.value.message == f"No such image: {shown}"


def test_an_ambiguous_prefix_says_so(stores: Stores, store: ImageStore) -> None:
    for number in range(40):
        add(stores, store, number)
    firsts = [image.id[7] for image in store.images()]
    twice = next(first for first in firsts if firsts.count(first) > 1)
    with pytest.raises(NotFound, match="fits several images"):
        store.resolve(twice)


def test_a_name_moves_to_its_new_image(stores: Stores, store: ImageStore) -> None:
    old, new = add(stores, store, 1, "app"), add(stores, store, 2)
    assert store.tag(new.id, reference.parse("app:latest")) == old.id
    assert store.get(old.id).tags == ()
    assert store.get(new.id).tags == ("docker.io/library/app:latest",)
    assert store.tag(new.id, reference.parse("app:latest")) is None


def test_one_of_several_names_is_only_untagged(
    stores: Stores, store: ImageStore, remover: Remover
) -> None:
    image = add(stores, store, 1, "app", "app:2")
    assert done(remover.remove("app:2")) == [("untagged", "app:2")]
    assert done(remover.remove("app")) == [("untagged", "app:latest"), ("deleted", image.id)]


def test_an_id_with_several_names_must_be_forced(
    stores: Stores, store: ImageStore, remover: Remover
) -> None:
    image = add(stores, store, 1, "app", "other")
    short = digest.encoded(image.id)[:12]
    with pytest.raises(Conflict) as caught:
        remover.remove(short)
    assert caught.value.message == (
        f"conflict: unable to delete {short} (must be forced) - "
        "image is referenced in multiple repositories"
    )
    assert ("deleted", image.id) in done(remover.remove(short, force=True))


def test_a_container_keeps_its_image(
    stores: Stores, store: ImageStore, remover: Remover, containers: Containers
) -> None:
    image = add(stores, store, 1, "app")
    containers.by_image[image.id] = [ImageUser("c" * 64, running=False)]
    short = digest.encoded(image.id)[:12]
    with pytest.raises(Conflict) as caught:
        remover.remove("app")
    assert caught.value.message == (
        'conflict: unable to remove repository reference "app" (must force) - '
        f"container cccccccccccc is using its referenced image {short}"
    )
    containers.by_image[image.id] = [ImageUser("c" * 64, running=True)]
    with pytest.raises(Conflict, match=r"\(cannot be forced\).*running container cccccccccccc"):
        remover.remove(image.id, force=True)
    assert store.get(image.id).tags
    # By name and forced only the name goes, as with Docker; the running container has the rest.
    assert done(remover.remove("app", force=True)) == [("untagged", "app:latest")]
    assert store.get(image.id).tags == ()


def test_parents_go_with_their_last_child_unless_told_not_to(
    stores: Stores, store: ImageStore, remover: Remover
) -> None:
    base = add(stores, store, 1)
    middle = add(stores, store, 2, parent=base.id)
    top = add(stores, store, 3, "app", parent=middle.id)
    with pytest.raises(Conflict, match="dependent child images"):
        remover.remove(base.id, force=True)
    assert done(remover.remove("app", prune=True)) == [
        ("untagged", "app:latest"),
        ("deleted", top.id),
        ("deleted", middle.id),
        ("deleted", base.id),
    ]


def test_filters(stores: Stores, store: ImageStore) -> None:
    first = add(stores, store, 1, "app:1", "host:5000/team/app:1", kind="a")
    second = add(stores, store, 2, "app:2", kind="b")
    bare = add(stores, store, 3)

    def listed(**filters: tuple[str, ...]) -> list[str]:
        return [image.id for image in imagelisting.select(store, filters, everything=False)]

    assert listed() == [bare.id, second.id, first.id]
    assert listed(dangling=("true",)) == [bare.id]
    assert listed(dangling=("0",)) == [second.id, first.id]
    assert listed(label=("kind",)) == [second.id, first.id]
    assert listed(label=("kind=b",)) == [second.id]
    assert listed(before=("app:2",)) == [first.id]
    assert listed(since=("app:1",)) == [bare.id, second.id]
    assert listed(reference=("app",)) == [second.id, first.id]
    assert listed(reference=("*:2",)) == [second.id]
    assert listed(reference=("host:5000/*/app",)) == [first.id]
    assert listed(reference=("host*",)) == []
    assert listed(until=("2024-01-01T00:00:02+00:00",)) == [first.id]


def test_intermediate_images_are_hidden(stores: Stores, store: ImageStore) -> None:
    base = add(stores, store, 1)
    top = add(stores, store, 2, parent=base.id)
    shown = imagelisting.select(store, {}, everything=False)
    assert [image.id for image in shown] == [top.id]
    assert len(imagelisting.select(store, {}, everything=True)) == 2


def content(number: int, architecture: str, kind: str = CONTENT) -> Addition:
    """An image without layers, of which nothing is unpacked."""
    config = {"architecture": architecture, "os": "linux", "comment": str(number)}
    document = json.dumps(config | {"rootfs": {"type": "layers", "diff_ids": []}}).encode()
    descriptor = documents.Descriptor(documents.OCI_CONFIG, digest.of(document), len(document))
    manifest = documents.encode_manifest(descriptor, ())
    stored = StoredManifest(digest.of(manifest), documents.OCI_MANIFEST, manifest)
    return Addition(kind, document, stored)


def tree(*additions: Addition) -> IndexTree:
    entries = tuple(addition.manifest.descriptor for addition in additions)
    data = documents.encode_index(entries)
    return IndexTree((StoredManifest(digest.of(data), documents.OCI_INDEX, data),), entries)


def pulled(stores: Stores, store: ImageStore, name: str, *additions: Addition) -> IndexTree:
    index = tree(*additions)
    with stores.collector.lease() as lease:
        store.add_all(additions, lease, name=reference.parse(name).tagged(), index=index)
    return index


def test_platforms_stand_behind_one_name(
    stores: Stores, store: ImageStore, remover: Remover
) -> None:
    mine, other = content(1, "amd64", UNPACKED), content(2, "arm64")
    index = pulled(stores, store, "app", mine, other)
    assert store.resolve("app").id == mine.id
    assert store.resolve("app", platform.parse("linux/arm64")).id == other.id
    assert store.index(index.root) == index
    assert store.get(mine.id).digests == (f"docker.io/library/app@{index.root}",)
    with pytest.raises(NotFound, match="does not match the specified platform"):
        store.resolve("app", platform.parse("linux/s390x"))
    listed = imagelisting.select(store, {}, everything=True)
    assert [image.id for image in listed] == [mine.id]
    remover.remove("app")
    assert list(store.images()) == [] and store.index(index.root) is None


def test_a_second_name_keeps_the_index(stores: Stores, store: ImageStore, remover: Remover) -> None:
    mine, other = content(1, "amd64", UNPACKED), content(2, "arm64")
    index = pulled(stores, store, "app", mine, other)
    store.tag(mine.id, reference.parse("copy:1"), index.root)
    remover.remove("app")
    assert store.resolve("copy:1", platform.parse("linux/arm64")).id == other.id
    remover.remove("copy:1")
    assert list(store.images()) == []


def test_an_index_that_moves_on_leaves_the_old_images_to_the_old_digest(
    stores: Stores, store: ImageStore, remover: Remover
) -> None:
    old, new = content(1, "amd64", UNPACKED), content(2, "amd64", UNPACKED)
    shared = content(3, "arm64")
    pulled(stores, store, "app", old, shared)
    pulled(stores, store, "app", new, shared)
    assert store.resolve("app").id == new.id
    remover.remove(old.id)
    assert store.resolve("app", platform.parse("linux/arm64")).id == shared.id
    assert {image.id for image in store.images()} == {new.id, shared.id}


def test_one_platform_is_removed(stores: Stores, store: ImageStore, remover: Remover) -> None:
    mine, other = content(1, "amd64", UNPACKED), content(2, "arm64")
    pulled(stores, store, "app", mine, other)
    remover.remove_platforms("app", [platform.parse("linux/arm64")])
    assert [image.id for image in store.images()] == [mine.id]
    with pytest.raises(Conflict, match="the name app leads to"):
        remover.remove_platforms("app", [platform.parse("linux/amd64")])


def test_kept_blobs_become_an_image(stores: Stores, store: ImageStore) -> None:
    kept = content(1, "arm64")
    pulled(stores, store, "app", kept)
    assert store.resolve("app").kind == CONTENT
    pulled(stores, store, "app", replace(kept, kind=UNPACKED))
    assert store.resolve("app").kind == UNPACKED
