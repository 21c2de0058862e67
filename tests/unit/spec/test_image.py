"""Image documents: what is accepted, what is refused, and the derived ids."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.errors import Invalid
from wherry.spec import digest, image, instant, platform

A, B = (digest.of(name) for name in (b"a", b"b"))

CONFIG: dict[str, Any] = {
    "architecture": "arm64",
    "variant": "v8",
    "os": "linux",
    "created": "2024-01-02T03:04:05.5Z",
    "author": "me",
    "comment": "hello",
    "config": {"Cmd": ["sh"], "Labels": {"a": "b"}},
    "rootfs": {"type": "layers", "diff_ids": [A, B]},
    "history": [{"created_by": "x"}, {"created_by": "y", "empty_layer": True}],
}


def test_config() -> None:
    config = image.parse_config(json.dumps(CONFIG).encode())
    assert config.platform == platform.Platform("linux", "arm64", "v8")
    assert config.diff_ids == (A, B)
    assert config.labels == {"a": "b"}
    assert config.text("comment") == "hello"
    assert [step.empty_layer for step in config.history] == [False, True]


@pytest.mark.parametrize(
    "change",
    [
        {"rootfs": {"type": "layers+base", "diff_ids": []}},
        {"rootfs": {"type": "layers", "diff_ids": ["sha256:12"]}},
        {"rootfs": {"type": "layers", "diff_ids": {}}},
        {"rootfs": []},
        {"config": "sh"},
        {"created": 5},
        {"history": ["x"]},
    ],
)
def test_bad_configs_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        image.parse_config(json.dumps(CONFIG | change).encode())


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_crash_the_parsers(data: bytes) -> None:
    for parse in (image.parse_config, image.parse_manifest, image.parse_index):
        with pytest.raises(Invalid):
            parse(data + b"\x00{")


def test_manifest_round_trip() -> None:
    layers = (image.Descriptor(image.OCI_LAYER_GZIP, B, 7),)
    raw = image.encode_manifest(image.Descriptor(image.OCI_CONFIG, A, 5), layers)
    manifest = image.parse_manifest(raw)
    assert manifest.config.digest == A
    assert manifest.layers == layers


@pytest.mark.parametrize("size", [-1, "5", None, True, 1.5])
def test_a_descriptor_needs_a_size(size: object) -> None:
    with pytest.raises(Invalid, match="size"):
        image.parse_descriptor({"mediaType": "x", "digest": A, "size": size})


def test_chain_ids_begin_with_the_first_diff_id() -> None:
    assert image.chain_ids((A, B)) == [A, digest.of(f"{A} {B}".encode())]


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("2024-02-29T12:00:00-05:30", 1_709_227_800_000_000_000),
    ],
)
def test_instants(text: str, nanoseconds: int) -> None:
    assert instant.parse(text) == nanoseconds


@given(st.integers(min_value=-(10**18), max_value=4 * 10**18))
def test_instants_round_trip(nanoseconds: int) -> None:
    assert instant.parse(instant.format(nanoseconds)) == nanoseconds


@pytest.mark.parametrize("text", ["", "2024-01-01", "2024-13-01T00:00:00Z", "now"])
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(Invalid):
        instant.parse(text)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("linux/amd64", platform.Platform("linux", "amd64")),
        ("linux/x86_64", platform.Platform("linux", "amd64")),
        ("linux/aarch64", platform.Platform("linux", "arm64", "v8")),
        ("arm64", platform.Platform("linux", "arm64", "v8")),
        ("linux/arm/v6", platform.Platform("linux", "arm", "v6")),
    ],
)
def test_platforms(text: str, parsed: platform.Platform) -> None:
    assert platform.parse(text) == parsed


def test_platforms_accept_their_usual_variant() -> None:
    plain = platform.Platform("linux", "arm64")
    assert plain.accepts(platform.parse("linux/arm64/v8"))
    assert not plain.accepts(platform.parse("linux/arm/v7"))


@pytest.mark.parametrize("text", ["", "a/b/c/d", "linux/", "/amd64"])
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(Invalid):
        platform.parse(text)


@pytest.mark.parametrize("text", ["", "sha256", "sha256:", "sha256:XY", "md5:" + "0" * 32])
def test_what_is_no_digest(text: str) -> None:
    assert not digest.is_digest(text)
    with pytest.raises(Invalid):
        digest.check(text)


@pytest.mark.parametrize(
    ("wanted", "found", "preference"),
    [
        ("linux/amd64", "linux/amd64", 0),
        ("linux/amd64", "linux/amd64/v1", 0),
        ("linux/amd64", "linux/amd64/v2", None),
        ("linux/amd64/v3", "linux/amd64", 2),
        ("linux/amd64", "linux/386", 1),
        ("linux/386", "linux/amd64", None),
        ("linux/arm64", "linux/arm64/v8", 0),
        ("linux/arm64", "linux/arm/v7", 2),
        ("linux/arm/v6", "linux/arm/v7", None),
        ("linux/arm/v7", "linux/arm/v5", 2),
        ("linux/riscv64", "linux/riscv64", 0),
        ("windows/amd64", "linux/amd64", None),
    ],
)
def test_preference_of_platforms(wanted: str, found: str, preference: int | None) -> None:
    assert platform.parse(wanted).preference(platform.parse(found)) == preference


def test_a_windows_platform_can_be_asked_for_by_build() -> None:
    there = platform.Platform("windows", "amd64", os_version="10.0.17763.1234")
    assert platform.Platform("windows", "amd64").preference(there) == 0
    asked = platform.Platform("windows", "amd64", os_version="10.0.17763")
    assert asked.preference(there) == 0
    assert platform.Platform("windows", "amd64", os_version="10.0.2").preference(there) is None


def test_descriptors_keep_urls_platform_and_artifact_type() -> None:
    given = {
        "mediaType": image.DOCKER_FOREIGN_LAYER + ".gzip",
        "digest": A,
        "size": 7,
        "urls": ["https://example.org/layer"],
        "platform": {"architecture": "amd64", "os": "windows", "os.version": "10.0.1"},
        "artifactType": "application/x.thing",
    }
    descriptor = image.parse_descriptor(given)
    assert descriptor.is_foreign
    assert descriptor.to_json() == given


def test_a_manifest_tells_image_from_artifact() -> None:
    config = {"mediaType": image.EMPTY_CONFIG, "digest": A, "size": 2}
    document = {"schemaVersion": 2, "config": config, "layers": [], "artifactType": "x/y"}
    artifact = image.parse_document(json.dumps(document).encode(), image.OCI_MANIFEST)
    assert isinstance(artifact, image.Manifest)
    assert not artifact.is_image
    assert artifact.kind == "x/y"


def test_schema_1_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="schema 1"):
        image.parse_document(b"{}", image.DOCKER_SCHEMA_1[1])
