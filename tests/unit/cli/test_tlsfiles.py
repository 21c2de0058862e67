"""Which TLS files the command line takes: flags before the environment, as docker does."""

from __future__ import annotations

import pytest

from wherry.cli import host, tlsfiles
from wherry.cli.flags import parse
from wherry.cli.globalflags import GLOBAL_FLAGS
from wherry.cli.tlsfiles import TlsFiles


def _chosen(words: str = "", **environ: str) -> TlsFiles | None:
    options, _ = parse(GLOBAL_FLAGS, words.split())
    return tlsfiles.choose(options, {"HOME": "/h", **environ})


@pytest.mark.parametrize(
    ("words", "environ", "verify"),
    [
        ("", {}, None),
        ("--tls", {}, False),
        ("--tlsverify", {}, True),
        ("--tlsverify=false", {"DOCKER_TLS_VERIFY": "1"}, False),
        ("", {"DOCKER_TLS_VERIFY": "0"}, True),
        ("", {"DOCKER_TLS_VERIFY": ""}, None),
        ("", {"WHERRY_TLS_VERIFY": "1"}, True),
        ("", {"DOCKER_TLS": "1"}, False),
        ("--tls=false", {"DOCKER_TLS": "1"}, None),
    ],
)
def test_whether(words: str, environ: dict[str, str], verify: bool | None) -> None:
    found = _chosen(words, **environ)
    assert (found and found.verify) is verify


def test_which_files() -> None:
    found = _chosen("--tlsverify --tlscert /c", DOCKER_CERT_PATH="/d")
    assert found is not None
    assert (found.authority, found.certificate, found.key) == ("/d/ca.pem", "/c", "/d/key.pem")
    assert found.optional == {"/d/key.pem"}
    found = _chosen("--tls", DOCKER_CERT_PATH="/d", WHERRY_CERT_PATH="/w")
    assert found is not None
    assert found.authority == "/w/ca.pem"
    found = _chosen("--tls")
    assert found is not None
    assert found.key == "/h/.docker/key.pem"


def test_tls_is_for_tcp() -> None:
    files = _chosen("--tls")
    assert host.parse("tcp://a", tls=files).address == ("a", 2376)
    assert host.parse("tcp://a").address == ("a", 2375)
    assert host.parse("unix:///s", tls=files).tls is None
