"""A walk through the distribution specification: proved on Debian's docker-registry as far as that
conforms, then ours is held to it. What docker-registry 2.8 does not have (referrers, single POST,
sha512, deletion of tags, pages of tags) or does otherwise (it takes a chunk out of order, sorts no
tags, breaks off its answer to a Range beyond the end) is asked of ours alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registries import DockerRegistry, RegistryProcess, WherryRegistry
from tests.registryclient import (
    OCI_INDEX,
    OCI_MANIFEST,
    RegistryClient,
    Reply,
    descriptor,
    digest_of,
    image,
    index,
)

NAME = "team/app"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def _started(kind: str, root: Path) -> RegistryProcess:
    if kind == "wherry":
        return WherryRegistry(root)
    if not DockerRegistry.is_installed():
        pytest.skip("docker-registry is not installed")
    return DockerRegistry(root)


@pytest.fixture(scope="module", params=["docker-registry", "wherry"])
def registry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RegistryProcess]:
    with _started(request.param, tmp_path_factory.mktemp("walk")) as process:
        yield process


@pytest.fixture
def client(registry: RegistryProcess) -> Iterator[RegistryClient]:
    with RegistryClient(registry.address) as made:
        yield made


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    with WherryRegistry(tmp_path_factory.mktemp("own")) as process:
        yield process


@pytest.fixture
def ours(own: RegistryProcess) -> Iterator[RegistryClient]:
    with RegistryClient(own.address) as made:
        yield made


def test_base(client: RegistryClient) -> None:
    reply = client.get("/v2/")
    assert reply.status == 200
    assert reply.headers["docker-distribution-api-version"] == "registry/2.0"


def test_unknown_things(client: RegistryClient) -> None:
    digest = digest_of(os.urandom(8))
    missing = client.get(f"/v2/no/such/manifests/{digest}")
    assert (missing.status, missing.codes[0] in ("MANIFEST_UNKNOWN", "NAME_UNKNOWN")) == (404, True)
    assert client.get(f"/v2/no/such/blobs/{digest}").status == 404
    assert client.head(f"/v2/no/such/blobs/{digest}").status == 404
    assert client.get("/v2/no/such/tags/list").codes == ["NAME_UNKNOWN"]
    upload = "/v2/no/such/blobs/uploads/3b2f8d6e-0000-4000-8000-000000000000"
    assert client.get(upload).status == 404


def test_post_and_put(client: RegistryClient) -> None:
    data = os.urandom(5000)
    begun = client.begin(NAME)
    assert (begun.status, begun.headers["range"]) == (202, "0-0")
    done = client.request("PUT", begun.location, data, digest=digest_of(data))
    assert (done.status, done.headers["docker-content-digest"]) == (201, digest_of(data))
    assert client.get(done.location).body == data
    head = client.head(done.location)
    assert (head.status, head.headers["content-length"], head.body) == (200, "5000", b"")


def test_an_upload_in_chunks(client: RegistryClient) -> None:
    data = os.urandom(3000)
    place = client.begin(NAME).location
    for start in (0, 1000):
        part = data[start : start + 1000]
        headers = {"Content-Range": f"{start}-{start + 999}"}
        reply = client.request("PATCH", place, part, headers)
        assert (reply.status, reply.headers["range"]) == (202, f"0-{start + 999}")
        place = reply.location
    status = client.get(place)
    assert (status.status, status.headers["range"]) == (204, "0-1999")
    headers = {"Content-Range": "2000-2999"}
    done = client.request("PUT", status.location, data[2000:], headers, digest=digest_of(data))
    assert done.status == 201
    assert client.get(done.location).body == data


def test_a_streamed_upload(client: RegistryClient) -> None:
    data = os.urandom(200_000)
    place = client.begin(NAME).location
    headers = {"Transfer-Encoding": "chunked"}
    reply = client.request("PATCH", place, iter([data[:90_000], data[90_000:]]), headers)
    assert (reply.status, reply.headers["range"]) == (202, "0-199999")
    done = client.request("PUT", reply.location, digest=digest_of(data))
    assert done.status == 201
    assert client.get(done.location).body == data


def test_a_wrong_digest_stores_nothing(client: RegistryClient) -> None:
    wanted = digest_of(b"wanted")
    reply = client.request("PUT", client.begin(NAME).location, b"sent", digest=wanted)
    assert (reply.status, reply.codes) == (400, ["DIGEST_INVALID"])
    assert client.head(f"/v2/{NAME}/blobs/{wanted}").status == 404
    assert client.head(f"/v2/{NAME}/blobs/{digest_of(b'sent')}").status == 404


def test_a_cancelled_upload_is_gone(client: RegistryClient) -> None:
    place = client.begin(NAME).location
    assert client.request("DELETE", place).status == 204
    assert client.get(place).status == 404


def test_a_mount_and_its_fall_back(client: RegistryClient) -> None:
    digest = client.push_blob(NAME, os.urandom(100))
    mounted = client.request("POST", "/v2/other/app/blobs/uploads/", mount=digest, **{"from": NAME})
    assert mounted.status == 201
    assert client.head(f"/v2/other/app/blobs/{digest}").status == 200
    unknown = digest_of(os.urandom(9))
    begun = client.request("POST", "/v2/other/app/blobs/uploads/", mount=unknown, **{"from": NAME})
    assert begun.status == 202
    assert client.get(begun.location).status == 204


def test_ranges(client: RegistryClient) -> None:
    data = os.urandom(1000)
    target = f"/v2/{NAME}/blobs/{client.push_blob(NAME, data)}"
    for wish, part in (("100-199", data[100:200]), ("900-", data[900:]), ("-10", data[-10:])):
        reply = client.get(target, {"Range": f"bytes={wish}"})
        assert (reply.status, reply.body) == (206, part)
        assert reply.headers["content-range"].endswith("/1000")


def test_a_manifest_comes_back_to_the_byte(client: RegistryClient) -> None:
    layer = os.urandom(64)
    client.push_image(NAME, "first", [layer])
    document = json.dumps(image([layer]) | {"extra": {"any": 1}}, indent=3).encode()
    pushed = client.push_manifest(NAME, "second", document)
    assert pushed.headers["docker-content-digest"] == digest_of(document)
    accept = {"Accept": OCI_MANIFEST}
    for target in (f"/v2/{NAME}/manifests/second", pushed.location):
        reply = client.get(target, accept)
        assert (reply.status, reply.body) == (200, document)
        assert reply.headers["content-type"] == OCI_MANIFEST
        assert reply.headers["docker-content-digest"] == digest_of(document)
    head = client.request("HEAD", f"/v2/{NAME}/manifests/second", headers=accept)
    assert (head.status, head.headers["content-length"]) == (200, str(len(document)))


def test_a_docker_manifest(client: RegistryClient) -> None:
    layer, config = os.urandom(64), b"{}"
    client.push_blob(NAME, layer)
    client.push_blob(NAME, config)
    document = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": descriptor(config, "application/vnd.docker.container.image.v1+json"),
        "layers": [descriptor(layer, "application/vnd.docker.image.rootfs.diff.tar.gzip")],
    }
    assert client.push_manifest(NAME, "docker", document).status == 201
    reply = client.get(f"/v2/{NAME}/manifests/docker", {"Accept": DOCKER_MANIFEST})
    assert reply.headers["content-type"] == DOCKER_MANIFEST


def test_a_manifest_that_names_missing_blobs(client: RegistryClient) -> None:
    reply = client.push_manifest(NAME, "missing", image([os.urandom(8)]))
    assert reply.status >= 400
    assert set(reply.codes) <= {"MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"}
    assert client.get(f"/v2/{NAME}/manifests/missing").status == 404


def test_a_manifest_under_a_wrong_digest(client: RegistryClient) -> None:
    layer = os.urandom(64)
    client.push_image(NAME, "any", [layer])
    reply = client.push_manifest(NAME, digest_of(b"another"), image([layer]))
    assert (reply.status, reply.codes) == (400, ["DIGEST_INVALID"])


def test_what_is_no_manifest(client: RegistryClient) -> None:
    headers = {"Content-Type": OCI_MANIFEST}
    reply = client.request("PUT", f"/v2/{NAME}/manifests/junk", b"{", headers)
    assert (reply.status, reply.codes) == (400, ["MANIFEST_INVALID"])


def test_tags(client: RegistryClient) -> None:
    for number in range(7):
        client.push_image("many/tags", f"t{number}", [b"same"])
    whole = client.get("/v2/many/tags/tags/list").json
    assert (whole["name"], sorted(whole["tags"])) == ("many/tags", [f"t{n}" for n in range(7)])


def test_a_manifest_that_was_deleted(client: RegistryClient) -> None:
    digest = client.push_image(NAME, "gone", [os.urandom(32)])
    assert client.request("DELETE", f"/v2/{NAME}/manifests/{digest}").status == 202
    assert client.get(f"/v2/{NAME}/manifests/{digest}").status == 404
    assert client.get(f"/v2/{NAME}/manifests/gone").status == 404


def test_catalog(client: RegistryClient) -> None:
    client.push_image("a/first", "1", [b"x"])
    client.push_image("b/second", "1", [b"x"])
    names = client.get("/v2/_catalog").json["repositories"]
    assert names == sorted(names)
    assert {"a/first", "b/second"} <= set(names)


# What only ours has.


def test_a_chunk_out_of_order_is_416(ours: RegistryClient) -> None:
    place = ours.begin(NAME).location
    reply = ours.request("PATCH", place, b"x" * 10, {"Content-Range": "10-19"})
    assert reply.status == 416
    assert ours.get(place).status == 204


def test_ranges_beyond_the_end(ours: RegistryClient) -> None:
    target = f"/v2/{NAME}/blobs/{ours.push_blob(NAME, os.urandom(1000))}"
    reply = ours.get(target, {"Range": "bytes=1000-1001"})
    assert (reply.status, reply.headers["content-range"]) == (416, "bytes */1000")
    assert ours.get(target, {"Range": "bytes=0-1,5-6"}).status == 200


def test_a_single_post(ours: RegistryClient) -> None:
    data = os.urandom(100)
    target = f"/v2/{NAME}/blobs/uploads/"
    reply = ours.request("POST", target, data, digest=digest_of(data))
    assert (reply.status, ours.get(reply.location).body) == (201, data)
    wrong = ours.request("POST", target, data, digest=digest_of(b"else"))
    assert (wrong.status, wrong.codes) == (400, ["DIGEST_INVALID"])


def test_sha512(ours: RegistryClient) -> None:
    data = os.urandom(100)
    digest = ours.push_blob(NAME, data, "sha512")
    assert ours.get(f"/v2/{NAME}/blobs/{digest}").body == data
    begun = ours.begin(NAME, **{"digest-algorithm": "sha512"})
    done = ours.request("PUT", begun.location, b"more", digest=digest_of(b"more", "sha512"))
    assert done.status == 201
    assert ours.begin(NAME, **{"digest-algorithm": "md5"}).codes == ["DIGEST_INVALID"]


def test_pages_have_links(ours: RegistryClient) -> None:
    for number in range(5):
        ours.push_image("paged/tags", f"t{number}", [b"same"])
    found: list[str] = []
    target = "/v2/paged/tags/tags/list?n=2"
    while target:
        reply = ours.get(target)
        found += reply.json["tags"]
        target = reply.headers.get("link", "").partition("<")[2].partition(">")[0]
    assert found == [f"t{number}" for number in range(5)]
    nothing = ours.get("/v2/paged/tags/tags/list?n=0")
    assert (nothing.json["tags"], "link" in nothing.headers) == ([], False)
    assert ours.get("/v2/paged/tags/tags/list", last="t2").json["tags"] == ["t3", "t4"]
    assert ours.get("/v2/paged/tags/tags/list", n="many").status == 400


def test_a_thousand_tags_by_pages(ours: RegistryClient) -> None:
    """Every tag once and in order, whatever the size of the page; all tags without one."""
    names = sorted(f"v{number}" for number in range(1000))
    document = image([b"same"])
    ours.push_image("thousand/tags", names[0], [b"same"])
    for name in names[1:]:
        assert ours.push_manifest("thousand/tags", name, document).status == 201
    for size in (1, 300, 999, 1000, 5000):
        found, pages = _tags_by_pages(ours, "thousand/tags", size, most=4 if size == 1 else 1000)
        assert found == names[: 4 if size == 1 else 1000]
        assert pages == -(-len(found) // size)
    whole = ours.get("/v2/thousand/tags/tags/list")
    assert (whole.json["tags"], "link" in whole.headers) == (names, False)


def _tags_by_pages(
    ours: RegistryClient, name: str, size: int, *, most: int
) -> tuple[list[str], int]:
    """Tags from page to page until there are `most`, and how many pages that took."""
    found: list[str] = []
    pages = 0
    target = f"/v2/{name}/tags/list?n={size}"
    while target and len(found) < most:
        reply = ours.get(target)
        assert len(reply.json["tags"]) <= size
        found += reply.json["tags"]
        pages += 1
        target = reply.headers.get("link", "").partition("<")[2].partition(">")[0]
    return found, pages


def _push_referrer(ours: RegistryClient, subject: str, kind: str) -> Reply:
    points = {"mediaType": OCI_MANIFEST, "digest": subject, "size": 5}
    document = image([], subject=points, artifactType=kind, annotations={"kind": kind})
    return ours.push_manifest(NAME, digest_of(json.dumps(document).encode()), document)


def test_referrers(ours: RegistryClient) -> None:
    subject = ours.push_image(NAME, "subject", [os.urandom(16)])
    for kind in ("a/sbom", "a/signature"):
        assert _push_referrer(ours, subject, kind).headers["oci-subject"] == subject
    reply = ours.get(f"/v2/{NAME}/referrers/{subject}")
    assert reply.headers["content-type"] == OCI_INDEX
    found = {each["artifactType"]: each["annotations"] for each in reply.json["manifests"]}
    assert found == {kind: {"kind": kind} for kind in ("a/sbom", "a/signature")}
    one = ours.get(f"/v2/{NAME}/referrers/{subject}", artifactType="a/sbom")
    assert one.headers["oci-filters-applied"] == "artifactType"
    assert [each["artifactType"] for each in one.json["manifests"]] == ["a/sbom"]
    nobody = ours.get(f"/v2/no/such/referrers/{digest_of(b'x')}")
    assert (nobody.status, nobody.json["manifests"]) == (200, [])
    assert ours.get(f"/v2/{NAME}/referrers/sha256:no").status == 400


def test_tags_by_parameters_and_their_deletion(ours: RegistryClient) -> None:
    layer = os.urandom(16)
    digest = ours.push_image(NAME, "one", [layer])
    target = f"/v2/{NAME}/manifests/{digest}?tag=two&tag=three"
    body = json.dumps(image([layer])).encode()
    reply = ours.request("PUT", target, body, {"Content-Type": OCI_MANIFEST})
    assert reply.headers["oci-tag"] == "two, three"
    assert ours.request("DELETE", f"/v2/{NAME}/manifests/two").status == 202
    assert ours.get(f"/v2/{NAME}/manifests/two").codes == ["MANIFEST_UNKNOWN"]
    assert ours.get(f"/v2/{NAME}/manifests/three").status == 200


def test_a_client_that_knows_no_indexes_gets_a_manifest(ours: RegistryClient) -> None:
    layer = os.urandom(16)
    ours.push_image(NAME, "plain", [layer])
    data = json.dumps(image([layer])).encode()
    entry = descriptor(data, OCI_MANIFEST, platform={"os": "linux", "architecture": "amd64"})
    ours.push_manifest(NAME, "list", index([entry]))
    target = f"/v2/{NAME}/manifests/list"
    assert ours.get(target, {"Accept": OCI_MANIFEST}).body == data
    assert ours.get(target).headers["content-type"] == OCI_INDEX
    both = ours.get(target, {"Accept": f"{OCI_MANIFEST}, {OCI_INDEX}"})
    assert both.headers["content-type"] == OCI_INDEX


def test_sizes_must_be_true(ours: RegistryClient) -> None:
    layer = os.urandom(16)
    ours.push_image(NAME, "size", [layer])
    document = image([layer])
    document["layers"][0]["size"] = 17
    assert ours.push_manifest(NAME, "size", document).codes == ["SIZE_INVALID"]
    place = ours.begin(NAME).location
    reply = ours.request("PATCH", place, b"abc", {"Content-Range": "0-9"})
    assert (reply.status, reply.codes) == (400, ["SIZE_INVALID"])


def test_a_manifest_that_is_too_large(ours: RegistryClient) -> None:
    document = image([], annotations={"a": "x" * (9 << 20)})
    assert ours.push_manifest(NAME, "large", document).status == 413


def test_a_blob_that_a_manifest_needs_is_kept(ours: RegistryClient) -> None:
    layer = os.urandom(16)
    ours.push_image(NAME, "needs", [layer])
    reply = ours.request("DELETE", f"/v2/{NAME}/blobs/{digest_of(layer)}")
    assert (reply.status, reply.codes) == (405, ["UNSUPPORTED"])
    loose = ours.push_blob(NAME, os.urandom(16))
    assert ours.request("DELETE", f"/v2/{NAME}/blobs/{loose}").status == 202
    assert ours.head(f"/v2/{NAME}/blobs/{loose}").status == 404


def test_what_a_client_has_is_not_sent_again(ours: RegistryClient) -> None:
    digest = ours.push_image(NAME, "fresh", [os.urandom(16)])
    target = f"/v2/{NAME}/manifests/fresh"
    assert ours.get(target, {"If-None-Match": f'"{digest}"'}).status == 304
    assert ours.get(target, {"If-None-Match": '"sha256:0"'}).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v2/../../etc/passwd/manifests/latest",
        "/v2/a/%2e%2e/%2e%2e/x/manifests/latest",
        "/v2/UPPER/manifests/latest",
        "/v2/a//b/manifests/latest",
        "/v2/a%00b/tags/list",
        "/v2/-a/tags/list",
        f"/v2/{'x' * 300}/tags/list",
    ],
)
def test_tricks_in_names(ours: RegistryClient, path: str) -> None:
    reply = ours.get(path)
    assert (reply.status, reply.codes) == (400, ["NAME_INVALID"])


@pytest.mark.parametrize(
    "reference",
    ["..%2f..%2fregistry.db", "sha256:..%2f..", "sha256:" + "A" * 64, ".tag", "a" * 129],
)
def test_tricks_in_references(ours: RegistryClient, reference: str) -> None:
    for kind in ("manifests", "blobs"):
        assert ours.get(f"/v2/{NAME}/{kind}/{reference}").status in (400, 404)
    assert ours.get(f"/v2/{NAME}/blobs/uploads/{reference}").status in (400, 404)


def test_health_and_metrics(ours: RegistryClient) -> None:
    assert ours.get("/health").json == {"status": "ok"}
    ours.get("/v2/")
    lines = ours.get("/metrics").body.decode().splitlines()
    assert any(line.startswith("wherry_registry_requests_total{") for line in lines)


def test_what_is_not_served(ours: RegistryClient) -> None:
    assert ours.get("/v1/search").status == 404
    assert ours.request("PUT", "/v2/").status == 405
    assert ours.request("PATCH", f"/v2/{NAME}/tags/list").codes == ["UNSUPPORTED"]
