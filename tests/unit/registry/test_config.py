"""Mirrors, insecure registries, and the settings that make them."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.daemon import options
from wherry.errors import Invalid
from wherry.registry import settings
from wherry.registry.config import Mirror, MirrorRow, Proxies, RegistryConfig
from wherry.registry.credentials import Credentials


def test_the_most_exact_row_counts() -> None:
    def mirrors(host: str) -> tuple[Mirror, ...]:
        return (Mirror("https", host),)

    config = RegistryConfig(
        (
            MirrorRow("*", mirrors("any")),
            MirrorRow("*.example.com", mirrors("wild")),
            MirrorRow("a.example.com", mirrors("exact")),
        )
    )
    assert config.mirrors_of("a.example.com") == mirrors("exact")
    assert config.mirrors_of("b.example.com") == mirrors("wild")
    assert config.mirrors_of("docker.io") == mirrors("any")
    assert RegistryConfig().mirrors_of("docker.io") == ()


@pytest.mark.parametrize(
    ("host", "addresses", "expected"),
    [
        ("named:5000", [], True),
        ("named", ["192.0.2.1"], False),
        ("127.0.0.1:5000", ["127.0.0.1"], True),
        ("localhost:5000", ["::1", "127.0.0.1"], True),
        ("[::1]:5000", ["::1"], True),
        ("in.range", ["10.1.2.3"], True),
        ("out.of.range", ["11.1.2.3"], False),
        ("unknown", [], False),
    ],
)
def test_insecure_as_docker(host: str, addresses: list[str], expected: bool) -> None:
    config = RegistryConfig(insecure=("named:5000", "10.0.0.0/8"))
    assert config.is_insecure(host, lambda name: addresses) is expected


def test_settings_make_a_config() -> None:
    chosen = options.combine(
        {},
        {
            "registry-mirrors": ["https://cache.example:5000/"],
            "insecure-registries": ["dev:5000", "10.1.0.0/16"],
            "max-concurrent-downloads": 7,
            "proxies": {"https-proxy": "http://p:3128"},
            "registries": {
                "*.example.com": {"mirrors": ["http://m/proxy-{registry}", "https://n"]}
            },
        },
    )
    config = chosen.registry_config()
    assert config.mirrors_of("docker.io") == (Mirror("https", "cache.example:5000"),)
    assert config.mirrors_of("a.example.com") == (
        Mirror("http", "m", "proxy-{registry}/"),
        Mirror("https", "n", "", names_origin=True),
    )
    assert config.insecure == ("dev:5000", "10.1.0.0/16")
    assert config.max_concurrent_downloads == 7
    assert config.proxies == Proxies("", "http://p:3128", "")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"registry-mirrors": ["cache.example"]}, "not a valid URI"),
        ({"registry-mirrors": ["ftp://cache.example"]}, "unsupported scheme"),
        ({"registry-mirrors": ["https://cache.example/path"]}, "path, query, or fragment"),
        ({"registries": {"a*b": {"mirrors": []}}}, "neither a registry"),
        ({"registries": {"*": ["https://a"]}}, "must be"),
        (
            {"registries": {"docker.io": {"mirrors": []}}, "registry-mirrors": ["https://a"]},
            "twice",
        ),
        ({"insecure-registries": ["https://a"]}, "should not contain '://'"),
        ({"insecure-registries": ["1.2.3.4/99"]}, "not valid"),
        ({"max-concurrent-downloads": 0}, "invalid max concurrent downloads"),
        ({"max-concurrent-downloads": "3"}, "must be a number"),
        ({"max-concurrent-downloads": True}, "must be a number"),
        ({"proxies": {"ftp-proxy": "x"}}, "ftp-proxy"),
    ],
)
def test_wrong_settings(values: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid) as caught:
        options.combine({}, values).registry_config()
    assert words in str(caught.value)


def test_a_mirror_s_password_is_not_repeated() -> None:
    with pytest.raises(Invalid) as caught:
        settings.mirror_rows(["https://user:secret@host"], {})
    assert "secret" not in str(caught.value)


def test_credentials_hide_secrets() -> None:
    shown = repr(Credentials("user", "secret1", "secret2", "secret3"))
    assert "user" in shown and "secret" not in shown
