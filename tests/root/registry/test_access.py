"""Users, tokens, rules, TLS, read-only mode and quotas of a running registry."""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.registries import WherryRegistry
from tests.registryclient import RegistryClient, Reply, digest_of

PASSWORDS = {"alice": "wonder", "bob": "builder"}
RULES = """
[[rights]]
users = ["anonymous"]
repositories = ["public/*"]
actions = ["pull"]

[[rights]]
users = ["alice"]

[[rights]]
users = ["*"]
repositories = ["home/{user}/*"]
actions = ["pull", "push"]
"""


def basic(user: str) -> dict[str, str]:
    """The header of a user who knows the password."""
    text = base64.b64encode(f"{user}:{PASSWORDS[user]}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


@pytest.fixture
def htpasswd(tmp_path: Path) -> Path:
    path = tmp_path / "htpasswd"
    lines = [
        f"{user}:{bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode()}\n"
        for user, word in PASSWORDS.items()
    ]
    path.write_text("".join(lines))
    return path


@pytest.fixture
def guarded(tmp_path: Path, htpasswd: Path) -> Iterator[WherryRegistry]:
    options = ["--htpasswd", str(htpasswd)]
    with WherryRegistry(tmp_path / "r", options, config=RULES) as registry:
        yield registry


def test_passwords_and_rules(guarded: WherryRegistry) -> None:
    anybody = RegistryClient(guarded.address)
    alice = RegistryClient(guarded.address, basic("alice"))
    bob = RegistryClient(guarded.address, basic("bob"))
    with anybody, alice, bob:
        refused = anybody.get("/v2/")
        assert (refused.status, refused.codes) == (401, ["UNAUTHORIZED"])
        assert refused.headers["www-authenticate"].startswith("Basic ")
        assert alice.get("/v2/").status == 200
        alice.push_image("public/app", "1", [b"x"])
        alice.push_image("team/app", "1", [b"x"])
        assert anybody.get("/v2/public/app/manifests/1").status == 200
        assert anybody.begin("public/app").status == 401
        assert anybody.get("/v2/team/app/manifests/1").status == 401
        denied = bob.get("/v2/team/app/manifests/1")
        assert (denied.status, denied.codes) == (403, ["DENIED"])
        assert bob.begin("home/bob/app").status == 202
        assert bob.begin("home/alice/app").status == 403
        assert bob.request("DELETE", "/v2/home/bob/app/manifests/1").status == 403
        assert bob.get("/v2/_catalog").json["repositories"] == ["public/app"]
        assert alice.get("/v2/_catalog").json["repositories"] == ["public/app", "team/app"]


def test_a_mount_needs_the_right_to_pull(guarded: WherryRegistry) -> None:
    alice = RegistryClient(guarded.address, basic("alice"))
    bob = RegistryClient(guarded.address, basic("bob"))
    with alice, bob:
        digest = alice.push_blob("team/app", os.urandom(50))
        for source in ({"from": "team/app"}, {}):
            assert bob.begin("home/bob/app", mount=digest, **source).status == 202
        assert bob.head(f"/v2/home/bob/app/blobs/{digest}").status == 404


def test_a_wrong_password(guarded: WherryRegistry) -> None:
    for text in ("alice:no", "nobody:no", "alice"):
        header = {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}
        with RegistryClient(guarded.address, header) as client:
            assert client.get("/v2/public/app/tags/list").status == 401
    assert "wonder" not in guarded.log.read_text()


def test_a_changed_file_counts_at_once(guarded: WherryRegistry, htpasswd: Path) -> None:
    with RegistryClient(guarded.address, basic("alice")) as alice:
        assert alice.get("/v2/").status == 200
        htpasswd.write_text(htpasswd.read_text().split("\n", 1)[1])
        assert alice.get("/v2/").status == 401


@pytest.fixture
def issuing(tmp_path: Path, htpasswd: Path) -> Iterator[WherryRegistry]:
    options = ["--htpasswd", str(htpasswd), "--tokens"]
    with WherryRegistry(tmp_path / "r", options, config=RULES) as registry:
        yield registry


def _token(client: RegistryClient, scope: str, headers: dict[str, str]) -> dict[str, str]:
    reply = client.get("/token", headers, service="wherry-registry", scope=scope)
    assert reply.status == 200, reply
    return {"Authorization": f"Bearer {reply.json['token']}"}


def test_tokens_of_our_own(issuing: WherryRegistry) -> None:
    with RegistryClient(issuing.address) as client:
        challenge = client.get("/v2/").headers["www-authenticate"]
        assert f'realm="http://{issuing.address}/token"' in challenge
        refused = client.begin("team/app")
        assert 'scope="repository:team/app:pull,push"' in refused.headers["www-authenticate"]
        push = _token(client, "repository:team/app:pull,push", basic("alice"))
        assert client.get("/v2/", push).status == 200
        with RegistryClient(issuing.address, push) as alice:
            alice.push_image("team/app", "1", [b"x"])
            assert alice.request("DELETE", "/v2/team/app/manifests/1").status == 401
            assert alice.begin("another/app").status == 401
        nothing = _token(client, "repository:team/app:pull,push", basic("bob"))
        assert client.get("/v2/team/app/manifests/1", nothing).status == 401
        wrong = client.get("/token", {"Authorization": "Basic YTpi"}, scope="repository:a:pull")
        assert (wrong.status, wrong.codes) == (401, ["UNAUTHORIZED"])


def test_tokens_survive_a_restart(issuing: WherryRegistry) -> None:
    with RegistryClient(issuing.address) as client:
        token = _token(client, "repository:team/app:pull,push", basic("alice"))
    issuing.stop()
    issuing.start()
    with RegistryClient(issuing.address, token) as client:
        assert client.begin("team/app").status == 202


def test_anybody_may_have_a_token_for_what_is_public(issuing: WherryRegistry) -> None:
    with RegistryClient(issuing.address) as client:
        push = _token(client, "repository:public/app:pull,push", basic("alice"))
        with RegistryClient(issuing.address, push) as alice:
            alice.push_image("public/app", "1", [b"x"])
        pull = _token(client, "repository:public/app:pull,push", {})
        assert client.get("/v2/public/app/manifests/1", pull).status == 200
        with RegistryClient(issuing.address, pull) as anybody:
            assert anybody.begin("public/app").status == 401


def test_tokens_of_another_issuer(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "issuer.pem").write_bytes(public)
    config = f"""[tokens]
    realm = "https://issuer.example/token"
    service = "here"
    issuer = "issuer.example"
    keys = ["{tmp_path / "issuer.pem"}"]
    """
    access = [{"type": "repository", "name": "team/app", "actions": ["pull", "push"]}]
    claims = {"iss": "issuer.example", "aud": "here", "sub": "carol", "access": access}

    def begin(address: str, signer: object, algorithm: str = "ES256", **more: object) -> Reply:
        given = {**claims, "exp": int(time.time()) + 300, **more}
        token = jwt.encode(given, signer, algorithm=algorithm)  # type: ignore[arg-type]
        with RegistryClient(address, {"Authorization": f"Bearer {token}"}) as client:
            return client.begin("team/app")

    with WherryRegistry(tmp_path / "r", config=config) as registry:
        with RegistryClient(registry.address) as client:
            challenge = client.get("/v2/").headers["www-authenticate"]
        assert challenge == 'Bearer realm="https://issuer.example/token",service="here"'
        address = registry.address
        assert begin(address, key).status == 202
        assert begin(address, ec.generate_private_key(ec.SECP256R1())).status == 401
        assert begin(address, None, "none").status == 401
        for wrong in ({"exp": 1}, {"aud": "there"}, {"iss": "else"}, {"nbf": 1 << 40}):
            assert begin(address, key, **wrong).status == 401


def test_read_only(tmp_path: Path) -> None:
    registry = WherryRegistry(tmp_path / "r")
    with registry, RegistryClient(registry.address) as client:
        digest = client.push_image("team/app", "1", [b"x"])
    registry.options = ("--read-only",)
    with registry, RegistryClient(registry.address) as client:
        assert client.get("/v2/team/app/manifests/1").status == 200
        for reply in (
            client.begin("team/app"),
            client.push_manifest("team/app", "2", b"{}"),
            client.request("DELETE", f"/v2/team/app/manifests/{digest}"),
        ):
            assert (reply.status, reply.codes) == (405, ["UNSUPPORTED"])


def test_quotas(tmp_path: Path) -> None:
    options = ["--quota", "100kB", "--quota-total", "150kB"]
    registry = WherryRegistry(tmp_path / "r", options)
    with registry, RegistryClient(registry.address) as client:
        client.push_blob("a/app", os.urandom(90_000))
        data = os.urandom(20_000)
        over = client.request("PUT", client.begin("a/app").location, data, digest=digest_of(data))
        assert (over.status, over.codes) == (403, ["DENIED"])
        client.push_blob("b/app", os.urandom(50_000))
        over = client.request("PUT", client.begin("c/app").location, data, digest=digest_of(data))
        assert (over.status, over.codes) == (403, ["DENIED"])
        assert client.get("/v2/c/app/tags/list").status == 404


def test_tls(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    words += ["-nodes", "-days", "2", "-subj", "/CN=localhost"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1"]
    words += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(words, check=True, capture_output=True)
    options = ["--tls-cert", str(certificate), "--tls-key", str(key)]
    with WherryRegistry(tmp_path / "r", options) as registry:
        trusting = ssl.create_default_context(cafile=str(certificate))
        with urllib.request.urlopen(f"https://{registry.address}/v2/", context=trusting) as reply:
            assert reply.status == 200


def test_the_access_log(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    with WherryRegistry(tmp_path / "r", ["--access-log", str(log)]) as registry:
        agent = {"User-Agent": "curious\tagent"}
        with RegistryClient(registry.address, agent) as client:
            client.get("/v2/team/app/tags/list", n="5")
        line = log.read_text().splitlines()[-1]
        assert "127.0.0.1 - GET /v2/team/app/tags/list?n=5 404 " in line
        assert "\t" not in line


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("[quota]\nrepository = 'much'", "quota.repository must be a number of bytes"),
        ("nonsense = 1", "no setting nonsense"),
        ("htpasswd = '/no/such/file'", "cannot read the users' file /no/such/file"),
        ("[tokens]\nbuiltin = true", "needs users"),
        ("[tls]\nkey = 'x'", "TLS needs both"),
        ("[[rights]]\nactions = ['fly']", "not 'fly'"),
    ],
)
def test_a_configuration_that_cannot_work(tmp_path: Path, config: str, message: str) -> None:
    registry = WherryRegistry(tmp_path / "r", config=config)
    with pytest.raises(RuntimeError, match=message), registry:
        pass
