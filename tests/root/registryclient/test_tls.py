"""TLS: authorities and client certificates of certs.d, insecure registries, proxies."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.faultyregistry import FaultyRegistry
from wherry.errors import Invalid, Unavailable
from wherry.registry import tls
from wherry.registry.cancellation import Cancellation
from wherry.registry.config import Proxies, RegistryConfig
from wherry.registry.connections import Connections
from wherry.registry.credentials import Credentials
from wherry.registry.endpoint import Address, Call, Endpoint
from wherry.registry.session import Session


def _openssl(directory: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with ca.crt, and server and client certificates that it signed."""
    directory = tmp_path_factory.mktemp("authority")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    extensions = "basicConstraints=critical,CA:TRUE"
    _openssl(
        directory, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2",
        "-subj", "/CN=tests", "-addext", "keyUsage=critical,keyCertSign", "-addext", extensions,
    )  # fmt: skip
    for name, alternative in (("server", "DNS:registry.test,IP:127.0.0.1"), ("client", "DNS:me")):
        (directory / "extensions").write_text(f"subjectAltName={alternative}\n")
        _openssl(
            directory, "req", *key, "-keyout", f"{name}.key", "-out", "request",
            "-subj", f"/CN={name}",
        )  # fmt: skip
        _openssl(
            directory, "x509", "-req", "-in", "request", "-CA", "ca.crt", "-CAkey", "ca.key",
            "-CAcreateserial", "-out", f"{name}.crt", "-days", "2", "-extfile", "extensions",
        )  # fmt: skip
    return directory


@pytest.fixture
def context(authority: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(authority / "server.crt", authority / "server.key")
    return made


def _ping(host: str, context: ssl.SSLContext) -> int:
    """One request over TLS, verified as for a registry that is not on loopback."""
    connections = Connections(Proxies(), lambda name: context)
    endpoint = Endpoint(
        Address(host), connections, Credentials(), extra={}, trusts=lambda name: False
    )
    try:
        answer = endpoint.send(Call("GET", ""), Cancellation())
        answer.discard()
        return answer.status
    finally:
        endpoint.close()


def _certs(directory: Path, host: str, authority: Path, *, client: bool = False) -> None:
    place = directory / host
    place.mkdir(parents=True)
    (place / "ca.crt").write_bytes((authority / "ca.crt").read_bytes())
    if client:
        (place / "me.cert").write_bytes((authority / "client.crt").read_bytes())
        (place / "me.key").write_bytes((authority / "client.key").read_bytes())


def test_an_unknown_authority_is_refused(context: ssl.SSLContext) -> None:
    with FaultyRegistry(context) as registry, pytest.raises(Unavailable) as caught:
        _ping(registry.address, tls.context(tls.CertificateFiles(), verify=True))
    assert "not trusted" in caught.value.message
    assert "certs.d" in caught.value.hint


def test_an_authority_of_certs_d(context: ssl.SSLContext, authority: Path, tmp_path: Path) -> None:
    with FaultyRegistry(context) as registry:
        _certs(tmp_path, registry.address, authority)
        files = tls.find_files((str(tmp_path), "/no/such/directory"), registry.address)
        assert _ping(registry.address, tls.context(files, verify=True)) == 200


def test_the_host_s_name_is_checked(
    context: ssl.SSLContext, authority: Path, tmp_path: Path
) -> None:
    with FaultyRegistry(context) as registry:
        _certs(tmp_path, registry.named, authority)
        files = tls.find_files((str(tmp_path),), registry.named)
        with pytest.raises(Unavailable, match="localhost"):
            _ping(registry.named, tls.context(files, verify=True))


def test_a_client_certificate(context: ssl.SSLContext, authority: Path, tmp_path: Path) -> None:
    context.load_verify_locations(authority / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    with FaultyRegistry(context) as registry:
        _certs(tmp_path / "without", registry.address, authority)
        _certs(tmp_path / "with", registry.address, authority, client=True)
        bare = tls.find_files((str(tmp_path / "without"),), registry.address)
        with pytest.raises(Unavailable):
            _ping(registry.address, tls.context(bare, verify=True))
        files = tls.find_files((str(tmp_path / "with"),), registry.address)
        assert _ping(registry.address, tls.context(files, verify=True)) == 200


def test_halves_of_a_pair_are_refused(tmp_path: Path) -> None:
    place = tmp_path / "host"
    place.mkdir()
    (place / "a.cert").touch()
    with pytest.raises(Invalid, match="missing key"):
        tls.find_files((str(tmp_path),), "host")
    (place / "a.cert").unlink()
    (place / "a.key").touch()
    with pytest.raises(Invalid, match="missing client certificate"):
        tls.find_files((str(tmp_path),), "host")


def test_what_is_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("nothing")
    with pytest.raises(Invalid, match=r"ca\.crt"):
        tls.context(tls.CertificateFiles((str(tmp_path / "ca.crt"),)), verify=True)


@pytest.mark.parametrize("encrypted", [True, False])
def test_loopback_is_insecure_with_tls_or_without(context: ssl.SSLContext, encrypted: bool) -> None:
    with (
        FaultyRegistry(context if encrypted else None) as registry,
        Session(registry.address, RegistryConfig()) as session,
    ):
        assert session.log_in() == ""


def test_plain_http_is_refused_where_tls_is_due() -> None:
    with FaultyRegistry() as registry, pytest.raises(Unavailable) as caught:
        _ping(registry.address, tls.context(tls.CertificateFiles(), verify=True))
    assert "speaks HTTP, not HTTPS" in caught.value.message
    assert "insecure-registries" in caught.value.hint


class _Proxy(BaseHTTPRequestHandler):
    """Tells what it was asked for, and answers itself."""

    seen: list[tuple[str, str, str]]

    def do_GET(self) -> None:
        self.seen.append(("GET", self.path, self.headers.get("Proxy-Authorization", "")))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def do_CONNECT(self) -> None:
        self.seen.append(("CONNECT", self.path, self.headers.get("Proxy-Authorization", "")))
        self.send_error(502)

    def log_message(self, format: str, *arguments: object) -> None:
        """Stay silent."""


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    seen: list[tuple[str, str, str]] = []
    handler = type("Handler", (_Proxy,), {"seen": seen})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://user:word@127.0.0.1:{server.server_address[1]}", seen
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_is_used(proxy: tuple[str, list[tuple[str, str, str]]], scheme: str) -> None:
    url, seen = proxy
    connections = Connections(Proxies(url, url, ""), lambda name: ssl.create_default_context())
    address = Address("registry.test:5000", (scheme,))
    endpoint = Endpoint(address, connections, Credentials(), extra={}, trusts=lambda name: False)
    expected = {
        "http": ("GET", "http://registry.test:5000/v2/", "Basic dXNlcjp3b3Jk"),
        "https": ("CONNECT", "registry.test:5000", "Basic dXNlcjp3b3Jk"),
    }
    if scheme == "http":
        assert endpoint.send(Call("GET", ""), Cancellation()).status == 200
    else:
        with pytest.raises(Unavailable, match="502") as caught:
            endpoint.send(Call("GET", ""), Cancellation())
        assert "word" not in str(caught.value)
    assert seen == [expected[scheme]]
    endpoint.close()
