"""Loading and saving: both forms, compressed or not, and in both directions with other programs."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.engines import Engine as RunningEngine
from tests.images import busybox_layer
from tests.root.image.harness import Engine, Member, directory, file, symlink, tar
from wherry.errors import Invalid, Unsupported
from wherry.image.load import ImageLoaded
from wherry.image.record import CONTENT
from wherry.image.save import Saved, Saver
from wherry.spec import digest as digests
from wherry.spec import platform, reference
from wherry.storage import tree

BASE = tar([directory("etc"), file("etc/base", b"base" * 5000)])
TOP = tar([file("top", b"top" * 100)])
OTHER = tar([file("other", b"o")])


def config(*layers: bytes, **more: Any) -> bytes:
    host = platform.of_machine(os.uname().machine)
    return json.dumps(
        {
            "architecture": host.architecture,
            "os": "linux",
            "created": "2024-01-01T00:00:00Z",
            "config": {"Cmd": ["sh"]},
            "rootfs": {"type": "layers", "diff_ids": [digests.of(layer) for layer in layers]},
            **more,
        }
    ).encode()


def docker_archive(*images: tuple[list[str], bytes, list[bytes]]) -> bytes:
    """`docker save` of old: names, config document and layers of every image."""
    members: dict[str, Member] = {}
    items = []
    for names, document, layers in images:
        own = f"{digests.encoded(digests.of(document))}.json"
        paths = [f"{hashlib.sha256(layer).hexdigest()}/layer.tar" for layer in layers]
        members |= {path: file(path, layer) for path, layer in zip(paths, layers, strict=True)}
        members[own] = file(own, document)
        items.append({"Config": own, "RepoTags": names or None, "Layers": paths})
    return tar([*members.values(), file("manifest.json", json.dumps(items).encode())])


def layout(*manifests: dict[str, Any], blobs: list[bytes]) -> bytes:
    index = {"schemaVersion": 2, "manifests": list(manifests)}
    members = [file(f"blobs/sha256/{digests.encoded(digests.of(b))}", b) for b in blobs]
    members.append(file("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'))
    return tar([file("index.json", json.dumps(index).encode()), *members])


def descriptor(kind: str, data: bytes, **more: Any) -> dict[str, Any]:
    media_type = f"application/vnd.oci.image.{kind}"
    return {"mediaType": media_type, "digest": digests.of(data), "size": len(data), **more}


def oci_manifest(document: bytes, *blobs: bytes, kind: str = "layer.v1.tar+gzip") -> bytes:
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("config.v1+json", document),
            "layers": [descriptor(kind, blob) for blob in blobs],
        }
    ).encode()


def saved(engine: Engine, *, legacy: bool = False) -> bytes:
    images = [
        Saved(image, tuple(reference.parse(tag) for tag in image.tags))
        for image in sorted(engine.images.images(), key=lambda image: image.id)
    ]
    return b"".join(Saver(engine.images, engine.stores.content).save(images, legacy=legacy))


def contents(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {
            member.name: extracted.read()
            for member in opened
            if (extracted := opened.extractfile(member)) is not None
        }


def test_several_images_sharing_a_layer(engine: Engine) -> None:
    one, two = config(BASE, TOP), config(BASE, OTHER)
    engine.load(docker_archive((["a:1", "b:1"], one, [BASE, TOP]), ([], two, [BASE, OTHER])))
    assert engine.images.resolve("a:1").id == engine.images.resolve("b:1").id == digests.of(one)
    assert engine.images.get(digests.of(two)).tags == ()
    assert [news for news in engine.news if isinstance(news, ImageLoaded)] == [
        ImageLoaded(digests.of(one), ("a:1", "b:1"), ()),
        ImageLoaded(digests.of(two), (), ()),
    ]
    assert len(engine.layers.all()) == 3
    for legacy in (False, True):
        archive = contents(saved(engine, legacy=legacy))
        assert sum(data == BASE for data in archive.values()) == 1  # written once
        assert saved(engine, legacy=legacy) == saved(engine, legacy=legacy)


@pytest.mark.parametrize("legacy", [False, True])
def test_what_was_saved_loads_into_an_empty_store(
    engine: Engine, tmp_path: Path, legacy: bool
) -> None:
    engine.load(docker_archive((["a:1"], config(BASE, TOP), [BASE, TOP])))
    other = Engine(tmp_path / "other")
    other.load(saved(engine, legacy=legacy))
    assert other.images.resolve("a:1").document == engine.images.resolve("a:1").document
    assert saved(other) == saved(engine)
    other.stores.close()


def test_a_manifest_with_its_compressed_blobs_is_kept(engine: Engine) -> None:
    packed = gzip.compress(BASE, mtime=0)
    document = config(BASE)
    manifest = oci_manifest(document, packed)
    name = {"io.containerd.image.name": "docker.io/library/app:x"}
    archive = layout(
        descriptor("manifest.v1+json", manifest, annotations=name),
        blobs=[packed, document, manifest],
    )
    engine.load(archive)
    image = engine.images.resolve("app:x")
    assert [stored.digest for stored in engine.images.manifests(image.id)] == [digests.of(manifest)]
    out = contents(saved(engine))
    assert out[f"blobs/sha256/{digests.encoded(digests.of(packed))}"] == packed
    assert out[f"blobs/sha256/{digests.encoded(digests.of(manifest))}"] == manifest
    engine.images.delete(image.id)
    assert engine.nothing_left()


def test_a_plain_layer_of_a_manifest_is_not_stored_twice(engine: Engine) -> None:
    document = config(BASE)
    manifest = oci_manifest(document, BASE, kind="layer.v1.tar")
    engine.load(layout(descriptor("manifest.v1+json", manifest), blobs=[BASE, document, manifest]))
    assert not engine.stores.content.has(digests.of(BASE))
    out = contents(saved(engine))
    assert out[f"blobs/sha256/{digests.encoded(digests.of(manifest))}"] == manifest
    assert out[f"blobs/sha256/{digests.encoded(digests.of(BASE))}"] == BASE


def test_of_several_platforms_the_hosts_is_loaded(engine: Engine) -> None:
    host = platform.of_machine(os.uname().machine)
    mine, foreign = config(BASE), config(BASE, architecture="mips64le")
    manifests = [oci_manifest(document, BASE, kind="layer.v1.tar") for document in (foreign, mine)]
    descriptors = [
        descriptor("manifest.v1+json", manifest, platform={"os": "linux", "architecture": arch})
        for manifest, arch in zip(manifests, ("mips64le", host.architecture), strict=True)
    ]
    nested = json.dumps({"schemaVersion": 2, "manifests": descriptors}).encode()
    blobs = [BASE, mine, foreign, nested, *manifests]
    loaded = engine.load(layout(descriptor("index.v1+json", nested), blobs=blobs))
    assert [image.id for image in loaded] == [digests.of(mine)]


def index_archive(name: str, *, without: tuple[bytes, ...] = ()) -> tuple[bytes, str, list[bytes]]:
    """An index of this machine's image, another's and an attestation: archive, digest, configs."""
    host = platform.of_machine(os.uname().machine)
    mine, foreign = config(BASE), config(TOP, architecture="mips64le")
    packed, statement = gzip.compress(TOP, mtime=0), b'{"predicate":1}'
    manifests = [
        oci_manifest(foreign, packed),
        oci_manifest(mine, BASE, kind="layer.v1.tar"),
        oci_manifest(config(), statement, kind="layer.v1+json"),
    ]
    more: list[dict[str, Any]] = [
        {"platform": {"os": "linux", "architecture": "mips64le"}},
        {"platform": {"os": "linux", "architecture": host.architecture}},
        {"annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
    ]
    entries = [
        descriptor("manifest.v1+json", manifest, **extra)
        for manifest, extra in zip(manifests, more, strict=True)
    ]
    kind = "application/vnd.oci.image.index.v1+json"
    index = {"schemaVersion": 2, "mediaType": kind, "manifests": entries}
    nested = json.dumps(index).encode()
    blobs = [BASE, packed, statement, mine, foreign, config(), nested, *manifests]
    named = descriptor("index.v1+json", nested, annotations={"io.containerd.image.name": name})
    archive = layout(named, blobs=[blob for blob in blobs if blob not in without])
    return archive, digests.of(nested), [mine, foreign]


def test_an_index_is_loaded_with_all_its_platforms(engine: Engine, tmp_path: Path) -> None:
    archive, root, (mine, foreign) = index_archive("docker.io/library/app:x")
    loaded = engine.load(archive)
    assert [image.id for image in loaded] == [digests.of(mine)]
    assert engine.images.target("app:x").digest == root
    other = engine.images.resolve("app:x", platform.parse("linux/mips64le"))
    assert (other.id, other.kind) == (digests.of(foreign), CONTENT)
    whole = [Saved(loaded[0], (reference.parse("app:x"),), root)]
    out = b"".join(Saver(engine.images, engine.stores.content).save(whole))
    before, after = contents(archive), contents(out)
    assert {path: after.get(path) for path in before if path.startswith("blobs/")} == {
        path: data for path, data in before.items() if path.startswith("blobs/")
    }
    assert "manifest.json" in after  # ours says it both ways
    second = Engine(tmp_path / "second")
    assert [image.id for image in second.load(out)] == [digests.of(mine)]
    assert second.images.target("app:x").digest == root
    assert set(second.images.members(root)) == set(engine.images.members(root))
    second.stores.close()


def test_an_index_of_which_parts_are_missing_keeps_the_rest(engine: Engine) -> None:
    lacking = gzip.compress(TOP, mtime=0)
    archive, root, (mine, _) = index_archive("app:x", without=(lacking,))
    engine.load(archive)
    assert engine.images.target("app:x").digest == root
    assert len(engine.images.members(root)) == 2  # this machine's and the attestation
    assert engine.images.resolve("app:x").id == digests.of(mine)


def test_an_index_with_a_bad_blob_of_another_platform_leaves_nothing(engine: Engine) -> None:
    archive, _, _ = index_archive("app:x")
    packed = gzip.compress(TOP, mtime=0)
    with pytest.raises(Invalid, match="digest does not fit"):
        engine.load(archive.replace(packed, bytes(len(packed))))
    assert engine.nothing_left()
    assert list(engine.images.images()) == []


def test_what_an_index_brought_goes_with_its_name(engine: Engine) -> None:
    archive, root, _ = index_archive("app:x")
    engine.load(archive)
    for name in [*engine.images.resolve("app:x").tags, *engine.images.resolve("app:x").digests]:
        engine.images.untag(reference.parse(name))
    for id in [*engine.images.drop_dead_indexes()]:
        engine.images.delete(id)
    assert engine.images.index(root) is None
    assert engine.nothing_left()


def test_an_archive_compressed_as_a_whole(engine: Engine) -> None:
    archive = docker_archive((["a:1"], config(BASE), [gzip.compress(BASE)]))
    engine.load(gzip.compress(archive))
    assert engine.images.resolve("a:1").layers == (digests.of(BASE),)


def test_linked_layers_of_old_dockers(engine: Engine) -> None:
    document = config(BASE, BASE)
    items = [{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["x/layer.tar", "y/layer.tar"]}]
    archive = tar(
        [
            file("x/layer.tar", BASE),
            symlink("y/layer.tar", "../x/layer.tar"),
            file("c.json", document),
            file("manifest.json", json.dumps(items).encode()),
        ]
    )
    engine.load(archive)
    assert engine.images.resolve("a:1").layers == (digests.of(BASE),) * 2


def test_a_name_that_moves_is_told(engine: Engine) -> None:
    one, two = config(BASE), config(TOP)
    engine.load(docker_archive((["a:1"], one, [BASE])))
    engine.load(docker_archive((["a:1"], two, [TOP])))
    news = [item for item in engine.news if isinstance(item, ImageLoaded)]
    assert news == [ImageLoaded(digests.of(two), ("a:1",), (("a:1", digests.of(one)),))]


BAD: dict[str, tuple[bytes, str]] = {
    "no archive": (b"hello" * 1000, "cannot read the image archive"),
    "empty": (b"", "neither manifest.json nor index.json|cannot read"),
    "a root file system": (BASE, "neither manifest.json nor index.json"),
    "truncated": (docker_archive((["a:1"], config(BASE), [BASE]))[:9000], "cannot read"),
    "wrong layer": (docker_archive((["a:1"], config(TOP), [BASE])), "digest does not fit"),
    "one layer too few": (docker_archive((["a:1"], config(BASE, TOP), [BASE])), "lists 1 layers"),
    "no config": (
        tar([file("manifest.json", b'[{"Config":"../../etc/passwd","Layers":[]}]')]),
        "has no",
    ),
    "manifest is no list": (tar([file("manifest.json", b"{}")]), "not a list"),
    "manifest is no JSON": (tar([file("manifest.json", b"{")]), "not JSON"),
    "config is no JSON": (docker_archive((["a:1"], b"nonsense", [])), "not JSON"),
    "bad name": (docker_archive((["A B"], config(BASE), [BASE])), "reference"),
    "layer that climbs out": (
        docker_archive((["a:1"], config(bad := tar([file("../x")])), [bad])),
        "out of the root",
    ),
    "manifest that is missing": (
        layout(descriptor("manifest.v1+json", b"{}"), blobs=[]),
        "names no image",
    ),
    "manifest that is none": (
        layout(descriptor("manifest.v1+json", b"{}"), blobs=[b"{}"]),
        "schema version",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_archives_leave_nothing(engine: Engine, name: str) -> None:
    data, text = BAD[name]
    with pytest.raises(Invalid, match=text):
        engine.load(data)
    assert engine.nothing_left()
    assert list(engine.images.images()) == []


def test_archives_of_before_docker_1_10(engine: Engine) -> None:
    with pytest.raises(Unsupported, match=r"before 1\.10"):
        engine.load(tar([file("repositories", b"{}")]))


def test_a_blob_that_lies_about_its_layer_is_not_kept(engine: Engine) -> None:
    """The layer is there already, so nothing unpacks the blob: it must be checked all the same."""
    document = config(BASE)
    engine.load(docker_archive((["a:1"], document, [BASE])))
    lie = gzip.compress(OTHER)
    manifest = oci_manifest(document, lie)
    with pytest.raises(Invalid, match="does not hold the layer"):
        engine.load(
            layout(descriptor("manifest.v1+json", manifest), blobs=[lie, document, manifest])
        )
    assert not engine.stores.content.has(digests.of(lie))


def test_all_of_a_store_adds_up(engine: Engine) -> None:
    engine.load(docker_archive((["a:1"], config(BASE, TOP), [BASE, gzip.compress(TOP)])))
    sizes = sum(engine.layers.usage(layer.diff_id).size for layer in engine.layers.all())
    du = tree.measure(str(engine.root / "layers")).size
    assert abs(du - sizes) <= max(du * 0.01, 4096)


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="needs skopeo")
@pytest.mark.parametrize("kind", ["docker-archive", "oci-archive"])
@pytest.mark.parametrize("legacy", [False, True])
def test_there_and_back_through_skopeo(
    engine: Engine, tmp_path: Path, kind: str, legacy: bool
) -> None:
    engine.load(docker_archive((["a:1"], config(BASE, TOP), [BASE, TOP])))
    ours, theirs = tmp_path / "ours.tar", tmp_path / "theirs.tar"
    ours.write_bytes(saved(engine, legacy=legacy))
    command = ["skopeo", "--insecure-policy", "copy", "-q", f"docker-archive:{ours}",
               f"{kind}:{theirs}:docker.io/library/a:2"]  # fmt: skip
    subprocess.run(command, check=True)
    other = Engine(tmp_path / "other")
    (image,) = other.load(theirs)
    assert image.layers == engine.images.resolve("a:1").layers
    assert other.images.resolve("a:2").id == image.id
    other.stores.close()


@pytest.mark.parametrize("legacy", [False, True])
def test_there_and_back_through_dockerd(
    engine: Engine, tmp_path: Path, dockerd: RunningEngine, legacy: bool
) -> None:
    layer = busybox_layer()
    document = config(layer, comment=f"legacy={legacy}")
    engine.load(docker_archive((["roundtrip:1"], document, [layer])))
    try:
        said = dockerd.output("load", stdin=saved(engine, legacy=legacy))
        assert "Loaded image: roundtrip:1" in said
        assert dockerd.output("run", "--rm", "roundtrip:1", "echo", "hello").strip() == "hello"
        archive = subprocess.run(
            ["docker", "-H", dockerd.host, "save", "roundtrip:1"],
            capture_output=True, check=True,
        ).stdout  # fmt: skip
        other = Engine(tmp_path / "other")
        (image,) = other.load(archive)
        assert image.id == digests.of(document)
        other.stores.close()
    finally:
        dockerd.output("rmi", "-f", "roundtrip:1")
