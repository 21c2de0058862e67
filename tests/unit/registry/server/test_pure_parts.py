"""Paths, ranges, pages, manifests, rules and settings: text in, values out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.errors import Invalid
from wherry.registry.server import config, documents, negotiation, paging, ranges
from wherry.registry.server.access import Action, Rights, Rule, actions_of
from wherry.registry.server.content import StoredManifest
from wherry.registry.server.errors import RegistryError
from wherry.registry.server.htpasswd import parse
from wherry.registry.server.paging import Page
from wherry.registry.server.ranges import Span
from wherry.registry.server.routes import Endpoint, Route, check_reference, route
from wherry.registry.server.tokens import Scope, parse_scopes
from wherry.spec import image

DIGEST = "sha256:" + "ab" * 32


def code(function: Any, *arguments: Any) -> str:
    """The code of the error that a call raises."""
    with pytest.raises(RegistryError) as caught:
        function(*arguments)
    return caught.value.code


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/v2/", Route(Endpoint.BASE)),
        ("/v2/_catalog", Route(Endpoint.CATALOG)),
        ("/v2/a/b/c/manifests/latest", Route(Endpoint.MANIFEST, "a/b/c", "latest")),
        ("/v2/blobs/uploads/blobs/x", Route(Endpoint.BLOB, "blobs/uploads", "x")),
        ("/v2/a/blobs/uploads/", Route(Endpoint.UPLOADS, "a")),
        ("/v2/a/blobs/uploads", Route(Endpoint.UPLOADS, "a")),
        ("/v2/a/blobs/uploads/id", Route(Endpoint.UPLOAD, "a", "id")),
        ("/v2/a/tags/list/tags/list", Route(Endpoint.TAGS, "a/tags/list")),
        (f"/v2/a/blobs/{DIGEST.replace(':', '%3A')}", Route(Endpoint.BLOB, "a", DIGEST)),
        (f"/v2/a/referrers/{DIGEST}", Route(Endpoint.REFERRERS, "a", DIGEST)),
        ("/v1/", None),
        ("/v2/a/tags", None),
    ],
)
def test_routes(path: str, found: Route | None) -> None:
    assert route(path) == found


@given(st.text(alphabet="abAB0./_-%2e\0", max_size=30))
def test_no_name_leads_out(text: str) -> None:
    try:
        found = route(f"/v2/{text}/manifests/latest")
    except RegistryError as error:
        assert error.code == "NAME_INVALID"
        return
    if found is not None and found.name:
        parts = found.name.split("/")
        assert all(part and part[0].isalnum() and part[-1].isalnum() for part in parts)
        assert found.name == found.name.lower()


def test_references() -> None:
    assert check_reference("v1.0_x-y") == "v1.0_x-y"
    assert check_reference(DIGEST) == DIGEST
    assert code(check_reference, "-x") == "MANIFEST_INVALID"
    assert code(check_reference, "md5:" + "a" * 32) == "DIGEST_INVALID"


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-9", Span(0, 9)),
        ("bytes=90-", Span(90, 99)),
        ("bytes=-10", Span(90, 99)),
        ("bytes=-1000", Span(0, 99)),
        ("bytes=50-1000", Span(50, 99)),
        ("", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=" + "9" * 30 + "-", None),
    ],
)
def test_ranges(header: str, span: Span | None) -> None:
    assert ranges.wanted(header, 100) == span


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=5-4", "bytes=-0"])
def test_ranges_without_a_byte(header: str) -> None:
    with pytest.raises(RegistryError) as caught:
        ranges.wanted(header, 100)
    assert (caught.value.status, caught.value.headers["Content-Range"]) == (416, "bytes */100")


@given(st.text(max_size=20), st.integers(0, 1000))
def test_any_range_is_inside_or_refused(header: str, size: int) -> None:
    try:
        span = ranges.wanted(f"bytes={header}", size)
    except RegistryError:
        return
    assert span is None or 0 <= span.start <= span.end < size


def test_chunks() -> None:
    assert ranges.chunk("") is None
    assert ranges.chunk("0-99") == ranges.chunk("bytes 0-99/100") == Span(0, 99)
    for wrong in ("5-4", "x-y", "0-", "-5"):
        assert code(ranges.chunk, wrong) == "BLOB_UPLOAD_INVALID"


def test_pages() -> None:
    assert paging.page({}) == Page()
    assert paging.page({"n": "5", "last": "a"}) == Page(5, "a")
    assert paging.page({"n": "9" * 50}).count == paging.PAGE_LIMIT
    assert code(paging.page, {"n": "-1"}) == "UNSUPPORTED"
    assert paging.cut(["a", "b"], Page(2), "/x") == (["a", "b"], {})
    shown, headers = paging.cut(["a", "b", "c"], Page(2), "/x")
    assert (shown, headers) == (["a", "b"], {"Link": '</x?n=2&last=b>; rel="next"'})


def manifest(**members: Any) -> bytes:
    """A manifest, with members changed or added."""
    config_ = {"mediaType": image.OCI_CONFIG, "digest": DIGEST, "size": 2}
    document = {
        "schemaVersion": 2,
        "mediaType": image.OCI_MANIFEST,
        "config": config_,
        "layers": [],
        **members,
    }
    return json.dumps(
        {name: value for name, value in document.items() if value is not None}
    ).encode()


def test_a_document() -> None:
    subject = {"mediaType": image.OCI_MANIFEST, "digest": DIGEST, "size": 9}
    found = documents.read(manifest(subject=subject), image.OCI_MANIFEST + "; charset=utf-8")
    assert found.media_type == image.OCI_MANIFEST
    assert [each.digest for each in found.blobs] == [DIGEST]
    assert (found.subject, found.artifact_type) == (DIGEST, image.OCI_CONFIG)
    named = documents.read(manifest(artifactType="a/b", mediaType=None), "")
    assert (named.media_type, named.artifact_type) == (image.OCI_MANIFEST, "a/b")


def test_foreign_layers_need_not_be_there() -> None:
    kinds = (
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    )
    layers = [{"mediaType": kind, "digest": DIGEST, "size": 1} for kind in kinds]
    assert len(documents.read(manifest(layers=layers), "").blobs) == 1


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"{", ""),
        (b"[]", ""),
        (b"[" * 100_000, ""),
        (manifest(), image.OCI_INDEX),
        (manifest(schemaVersion=1), ""),
        (manifest(mediaType="text/plain"), ""),
        (manifest(mediaType=image.OCI_INDEX), ""),
        (manifest(manifests=[]), ""),
        (manifest(config=None), ""),
        (manifest(layers=[{"digest": "x"}]), ""),
        (manifest(layers={}), ""),
        (manifest(annotations={"a": 1}), ""),
        (manifest(artifactType=1), ""),
        (manifest(subject={}), ""),
    ],
)
def test_what_is_no_manifest(data: bytes, content_type: str) -> None:
    assert code(documents.read, data, content_type) == "MANIFEST_INVALID"


def test_negotiation() -> None:
    entry = {
        "mediaType": image.OCI_MANIFEST, "digest": DIGEST, "size": 1,
        "platform": {"os": "linux", "architecture": "amd64"},
    }  # fmt: skip
    data = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    index = StoredManifest("sha256:" + "cd" * 32, image.OCI_INDEX, data)
    assert negotiation.choose(image.OCI_MANIFEST, index) == DIGEST
    for accept in ("", "*/*", f"{image.OCI_MANIFEST}, {image.OCI_INDEX}", "text/html"):
        assert negotiation.choose(accept, index) == index.digest


def test_rights() -> None:
    pull, everything = frozenset({Action.PULL}), frozenset(Action)
    rights = Rights(
        (
            Rule(repositories=("public/*",), actions=pull),
            Rule(users=("*",), repositories=("home/{user}/*",)),
            Rule(users=("alice",)),
        )
    )
    assert rights.actions("", "public/a/b") == pull
    assert rights.actions("", "other") == frozenset()
    assert rights.actions("bob", "home/bob/x") == everything
    assert rights.actions("bob", "home/alice/x") == frozenset()
    assert rights.actions("a*", "home/ab/x") == frozenset()
    assert rights.actions("alice", "any/thing") == everything
    assert actions_of(["pull", "fly"]) == pull


def test_scopes() -> None:
    scopes = parse_scopes(["repository:host:5000/a:pull,push registry:catalog:*", "nonsense"])
    assert scopes == [
        Scope("repository", "host:5000/a", frozenset({"pull", "push"})),
        Scope("registry", "catalog", frozenset({"*"})),
    ]


def test_htpasswd_lines() -> None:
    assert parse(b"# users\n\nann:$2y$05$abc\n") == {"ann": b"$2y$05$abc"}
    for wrong in (b"ann", b"ann:{SHA}x", b":$2y$05$abc"):
        with pytest.raises(Invalid, match="line 1: no bcrypt hash"):
            parse(wrong)


def test_sizes_and_durations() -> None:
    assert [config.size(each) for each in (5, "5", "2kB", "2KiB", "1 GB")] == [
        5, 5, 2000, 2048, 10**9,
    ]  # fmt: skip
    assert [config.duration(each) for each in (5, "90s", "1.5h", "7d")] == [5, 90, 5400, 604800]
    for wrong in ("", "x", "5 apples", True, None, "2ib"):
        with pytest.raises(ValueError, match="must be"):
            config.size(wrong)


def test_a_setting_given_twice() -> None:
    with pytest.raises(Invalid, match="both as a flag and in the configuration file: root"):
        config.combine({"root": "/a"}, {"root": "/b"})


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"root": "/a", "data-root": "/b"},
        {"root": "/a", "tls.key": "/k"},
        {"root": "/a", "tls.client-ca": "/k"},
        {"root": "/a", "tokens.builtin": True},
        {"root": "/a", "tokens.keys": ["/k"]},
        {"data-root": "/a", "upstream.url": "http://x"},
        {"root": "/a", "upstream.url": "http://x", "quota.total": 5},
    ],
)
def test_settings_that_do_not_fit_together(settings: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        config.check(config.combine({}, settings))
