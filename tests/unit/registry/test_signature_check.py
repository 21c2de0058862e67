"""Signatures against a repository in memory: who is let in, and what the others are told."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from tests import keys
from wherry.errors import Denied, Invalid, NotFound, Unavailable
from wherry.registry import signature
from wherry.registry.session import Resolved, Session
from wherry.registry.signature import Claim
from wherry.registry.signature_bundle import BUNDLE_TYPE, pre_authentication
from wherry.registry.signature_check import SignatureCheck
from wherry.registry.signature_keys import load_private, load_public
from wherry.registry.signature_search import MOST_SIGNATURES
from wherry.spec import digest as digests
from wherry.spec import image, reference
from wherry.spec.image import Descriptor
from wherry.spec.reference import Reference

NAME = reference.parse("r.example/team/app:1")
IMAGE = Descriptor(image.OCI_MANIFEST, "sha256:" + "ab" * 32, 500)
OTHER = Descriptor(image.OCI_MANIFEST, "sha256:" + "cd" * 32, 500)


@dataclass
class Repository:
    """What a session answers, from dictionaries."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, bytes] = field(default_factory=dict)
    referring: dict[str, list[Descriptor]] = field(default_factory=dict)
    asked: int = 0

    def referrers(self, path: str, digest: str) -> tuple[Descriptor, ...]:
        assert path == NAME.path
        return tuple(self.referring.get(digest, ()))

    def manifest(self, path: str, descriptor: Descriptor) -> Resolved:
        if descriptor.digest not in self.blobs:
            raise NotFound("manifest unknown")
        return Resolved(descriptor, self.blobs[descriptor.digest], "test")

    def resolve(self, name: Reference) -> Resolved:
        if name.tag not in self.tags:
            raise NotFound("manifest unknown")
        return Resolved(IMAGE, self.tags[name.tag], "test")

    def read_blob(self, path: str, descriptor: Descriptor, *, limit: int) -> bytes:
        self.asked += 1
        if descriptor.size > limit:
            raise Invalid(f"blob {descriptor.digest} is larger than {limit} bytes")
        return self.blobs[descriptor.digest]

    def layer(self, payload: bytes, signed: bytes) -> Descriptor:
        self.blobs[digests.of(payload)] = payload
        return signature.payload_layer(payload, signed)

    def add_referrer(self, layers: list[Descriptor], subject: Descriptor = IMAGE) -> None:
        document = signature.referrer_manifest(signature.config_of(layers), layers, subject)
        self.refer(document, signature.ARTIFACT_TYPE, subject)

    def refer(self, document: bytes, kind: str, subject: Descriptor = IMAGE) -> None:
        self.blobs[digests.of(document)] = document
        found = Descriptor(
            image.OCI_MANIFEST, digests.of(document), len(document), artifact_type=kind
        )
        self.referring.setdefault(subject.digest, []).append(found)

    def add_tag(self, layers: list[Descriptor], subject: Descriptor = IMAGE) -> None:
        document = signature.tagged_manifest(signature.config_of(layers), layers)
        self.tags[signature.tag_of(subject.digest)] = document


@dataclass
class Stage:
    """A policy that wants `pub` for r.example, and a repository to sign in."""

    folder: Path
    key: str
    repository: Repository = field(default_factory=Repository)

    def policy(self, **members: Any) -> None:
        row = {"match": "r.example/team", "action": "signed", "keys": ["a.pub"], **members}
        row = {name: value for name, value in row.items() if value is not None}
        (self.folder / "policy.json").write_text(json.dumps({"rules": [row]}))

    def signed(self, key: str = "", claim: Claim | None = None, payload: bytes = b"") -> Descriptor:
        claim = claim or Claim(NAME.name, IMAGE.digest)
        payload = payload or signature.encode_claim(claim)
        return self.repository.layer(payload, load_private(key or self.key, None).sign(payload))

    def admit(self, name: Reference = NAME, descriptor: Descriptor = IMAGE) -> None:
        check = SignatureCheck(str(self.folder / "policy.json"))
        check.admit(name, descriptor, cast(Session, self.repository))

    def refused(self, told: str, **where: Any) -> Denied:
        with pytest.raises(Denied, match=f"(?s){told}") as caught:
            self.admit(**where)
        return caught.value


@pytest.fixture(params=keys.KINDS)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    private, _ = keys.write(tmp_path, "a", request.param)
    made = Stage(tmp_path, private)
    made.policy()
    return made


@pytest.fixture
def one(tmp_path: Path) -> Stage:
    """A stage with one kind of key, where the kind does not matter."""
    made = Stage(tmp_path, keys.write(tmp_path, "a", "ed25519")[0])
    made.policy()
    return made


@pytest.mark.parametrize("store", [Repository.add_referrer, Repository.add_tag])
def test_a_signed_image_is_let_in(
    stage: Stage, store: Callable[[Repository, list[Descriptor]], None]
) -> None:
    store(stage.repository, [stage.signed()])
    stage.admit()


def test_an_unsigned_one_is_told_the_row_the_finding_and_the_remedy(one: Stage) -> None:
    error = one.refused("r.example/team/app:1 may not be used")
    assert 'the row "r.example/team"' in error.message
    assert str(one.folder / "policy.json") in error.message
    assert str(one.folder / "a.pub") in error.message
    assert IMAGE.digest in error.message and error.message.endswith("r.example has none")
    assert error.hint.endswith(f"wherry image sign --key KEY r.example/team/app@{IMAGE.digest}")


def test_a_tag_that_moved_is_refused(stage: Stage) -> None:
    stage.repository.add_referrer([stage.signed()])
    stage.repository.add_tag([stage.signed()])
    stage.admit()
    stage.refused(f"of {OTHER.digest}, and r.example has none", descriptor=OTHER)


def test_a_signature_carried_over_from_another_image_is_refused(stage: Stage) -> None:
    stage.repository.add_tag([stage.signed(claim=Claim(NAME.name, OTHER.digest))])
    stage.refused(f"has a signature of {OTHER.digest}")


def test_another_key_is_refused(stage: Stage) -> None:
    other, _ = keys.write(stage.folder, "b", "ecdsa")
    stage.repository.add_tag([stage.signed(other)])
    stage.refused("has a signature by another key$|has a signature by another key ")


def test_any_key_of_the_row_and_any_signature_will_do(stage: Stage) -> None:
    other, _ = keys.write(stage.folder, "b", "ecdsa")
    stage.policy(keys=["b.pub", "a.pub"])
    stage.repository.add_referrer([stage.signed(keys.write(stage.folder, "c")[0])])
    stage.repository.add_tag([stage.signed(other, Claim("x", OTHER.digest)), stage.signed()])
    stage.admit()


@pytest.mark.parametrize("bit", [0, 7, 100])
def test_a_changed_payload_or_signature_is_refused(stage: Stage, bit: int) -> None:
    layer = stage.signed()
    payload = bytearray(stage.repository.blobs[layer.digest])
    payload[bit] ^= 1
    stage.repository.blobs[layer.digest] = bytes(payload)
    stage.repository.add_tag([layer])
    stage.refused("another key")
    signed = bytearray(base64.b64decode(layer.annotations[signature.SIGNATURE]))
    signed[bit % len(signed)] ^= 1
    claim = signature.encode_claim(Claim(NAME.name, IMAGE.digest))
    stage.repository.add_tag([stage.repository.layer(claim, bytes(signed))])
    stage.refused("another key")


@pytest.mark.parametrize(
    "payload",
    [
        b"not json",
        b"{}",
        b'{"critical": 1}',
        json.dumps({"critical": {"type": "atomic", "identity": {"docker-reference": "x"},
                                 "image": {"docker-manifest-digest": IMAGE.digest}}}).encode(),
    ],
)  # fmt: skip
def test_a_signed_payload_of_another_form_is_refused(one: Stage, payload: bytes) -> None:
    one.repository.add_tag([one.signed(payload=payload)])
    one.refused("has the payload is ")


def test_identity(one: Stage) -> None:
    one.repository.add_tag([one.signed(claim=Claim("r.example/other", IMAGE.digest))])
    one.admit()
    one.policy(identity="repository")
    one.refused("has a signature for 'r.example/other'")
    one.repository.add_tag([one.signed(claim=Claim(f"{NAME.name}:2", IMAGE.digest))])
    one.refused("has a signature for 'r.example/team/app:2'")
    one.repository.add_tag([one.signed(claim=Claim(f"{NAME.name}:1", IMAGE.digest))])
    one.admit()


def test_broken_manifests_do_not_hide_a_good_one(one: Stage) -> None:
    one.repository.referring[IMAGE.digest] = [
        Descriptor("x", "sha256:" + "00" * 32, 3, artifact_type=signature.ARTIFACT_TYPE)
    ]
    one.repository.add_tag([Descriptor("x", IMAGE.digest, 3), one.signed()])
    one.admit()
    one.repository.tags[signature.tag_of(IMAGE.digest)] = b"{}"
    one.refused("manifest unknown; image manifest: ")


def test_a_payload_that_is_too_large_is_not_fetched(one: Stage) -> None:
    layer = one.signed()
    huge = Descriptor(layer.media_type, layer.digest, 10**9, annotations=layer.annotations)
    one.repository.add_tag([huge])
    one.refused("is larger than")


def test_a_flood_of_signatures_is_cut_off(one: Stage) -> None:
    one.repository.add_tag([one.signed(claim=Claim("x", OTHER.digest))] * (MOST_SIGNATURES + 50))
    one.refused(f"only the first {MOST_SIGNATURES} signatures")
    assert one.repository.asked == MOST_SIGNATURES


def test_a_registry_that_fails_is_not_taken_for_unsigned(one: Stage) -> None:
    def fail(*_: object) -> tuple[Descriptor, ...]:
        raise Unavailable("connection refused")

    one.repository.referrers = fail  # type: ignore[method-assign]
    with pytest.raises(Unavailable):
        one.admit()


def _bundle(stage: Stage, digest: str, predicate: str, key: str = "", kind: str = "") -> bytes:
    """A bundle as cosign 3 makes them."""
    algorithm, _, value = digest.partition(":")
    statement = json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"digest": {algorithm: value}}],
            "predicateType": predicate,
            "predicate": {},
        }
    ).encode()
    kind = kind or "application/vnd.in-toto+json"
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(statement), statement)
    made = load_private(key or stage.key, None).sign(signed)
    envelope = {
        "payload": base64.b64encode(statement).decode(),
        "payloadType": kind,
        "signatures": [{"sig": base64.b64encode(made).decode(), "keyid": ""}],
    }
    document = {"mediaType": BUNDLE_TYPE, "verificationMaterial": {}, "dsseEnvelope": envelope}
    return json.dumps(document).encode()


def _refer_bundle(stage: Stage, bundle: bytes) -> None:
    stage.repository.blobs[digests.of(bundle)] = bundle
    layer = Descriptor(BUNDLE_TYPE, digests.of(bundle), len(bundle))
    config = Descriptor(image.EMPTY_CONFIG, digests.of(b"{}"), 2)
    stage.repository.refer(image.encode_manifest(config, (layer,)), BUNDLE_TYPE)


SIGN = "https://sigstore.dev/cosign/sign/v1"


def test_a_bundle_is_a_signature(stage: Stage) -> None:
    _refer_bundle(stage, _bundle(stage, IMAGE.digest, SIGN))
    stage.admit()
    stage.policy(identity="repository")
    stage.refused("has a signature that names no repository")


def test_bundles_that_will_not_do(one: Stage) -> None:
    other, _ = keys.write(one.folder, "b")
    for bundle, told in (
        (_bundle(one, IMAGE.digest, SIGN, other), "a signature by another key"),
        (_bundle(one, OTHER.digest, SIGN), "a signature of another digest"),
        (_bundle(one, IMAGE.digest, "https://slsa.dev/provenance/v1"), "is an attestation"),
        (_bundle(one, IMAGE.digest, SIGN, kind="text/plain"), "the bundle holds 'text/plain'"),
        (b"{}", "holds no signed envelope"),
    ):
        one.repository.referring.clear()
        _refer_bundle(one, bundle)
        one.refused(told)


def test_what_an_envelope_signs() -> None:
    """The example of DSSE's protocol.md."""
    signed = pre_authentication("http://example.com/HelloWorld", b"hello world")
    assert signed == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_other_rows(one: Stage) -> None:
    one.admit(reference.parse("r.example/elsewhere/app"))
    one.policy(action="reject", keys=None)
    one.refused('the row "r.example/team" of the signature policy .* rejects it')


@pytest.mark.parametrize("text", ["{", '{"rules": [{}]}'])
def test_a_policy_that_is_not_understood_lets_nothing_in(one: Stage, text: str) -> None:
    (one.folder / "policy.json").write_text(text)
    one.refused("no image can be pulled: signature policy ")


def test_a_missing_policy(one: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (one.folder / "policy.json").unlink()
    one.refused("no image can be pulled: .* cannot be read: it is missing")
    path = str(one.folder / "policy.json")
    monkeypatch.setattr("wherry.registry.signature_check.DEFAULT_PATH", path)
    one.admit()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "no such file"),
        (b"nonsense", "holds no PEM public key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no PEM public key"),
    ],
)
def test_a_key_that_cannot_be_read(one: Stage, content: bytes | None, told: str) -> None:
    path = one.folder / "a.pub"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    one.refused(f'the row "r.example/team" of .* cannot be applied: public key .*{told}')


def test_weak_and_strange_keys(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa, x25519

    pem, spki = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    path = tmp_path / "k"
    path.write_bytes(rsa.generate_private_key(65537, 1024).public_key().public_bytes(pem, spki))
    with pytest.raises(Invalid, match="1024 bits is too weak"):
        load_public(str(path))
    path.write_bytes(x25519.X25519PrivateKey.generate().public_key().public_bytes(pem, spki))
    with pytest.raises(Invalid, match="neither ECDSA, RSA nor Ed25519"):
        load_public(str(path))


def test_private_keys(tmp_path: Path) -> None:
    path, _ = keys.write(tmp_path, "locked", passphrase=b"open sesame")
    assert load_private(path, b"open sesame").name == "ECDSA secp256r1"
    for passphrase, told in ((None, "it is encrypted"), (b"wrong words", "passphrase is wrong")):
        with pytest.raises(Invalid, match=told) as caught:
            load_private(path, passphrase)
        assert "wrong words" not in str(caught.value)
    plain, public = keys.write(tmp_path, "plain")
    with pytest.raises(Invalid, match="not encrypted"):
        load_private(plain, b"x")
    with pytest.raises(Invalid, match="no private key"):
        load_private(public, None)
    assert "PRIVATE" not in repr(load_private(plain, None))
    cosign = tmp_path / "cosign.key"
    cosign.write_text("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n")
    with pytest.raises(Invalid, match="cosign's own form"):
        load_private(str(cosign), None)
