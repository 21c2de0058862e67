"""What `docker info` tells of registries."""

from __future__ import annotations

from wherry.api import registry_info
from wherry.registry.config import Mirror, MirrorRow, Proxies, RegistryConfig


def test_the_defaults_are_docker_s() -> None:
    hub = {"Name": "docker.io", "Mirrors": [], "Secure": True, "Official": True}
    assert registry_info.registries(RegistryConfig()) == {
        "IndexConfigs": {"docker.io": hub},
        "InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8"],
        "Mirrors": [],
    }


def test_what_is_set_is_shown() -> None:
    rows = (
        MirrorRow("docker.io", (Mirror("https", "cache:5000"),)),
        MirrorRow("*.example.com", (Mirror("http", "m", "proxy/"),)),
    )
    shown = registry_info.registries(RegistryConfig(rows, ("dev:5000", "10.0.0.0/8")))
    assert shown["Mirrors"] == ["https://cache:5000/"]
    assert shown["IndexConfigs"]["docker.io"]["Mirrors"] == ["https://cache:5000/"]
    assert shown["IndexConfigs"]["*.example.com"]["Mirrors"] == ["http://m/proxy/"]
    assert shown["IndexConfigs"]["dev:5000"]["Secure"] is False
    assert shown["InsecureRegistryCIDRs"][-1] == "10.0.0.0/8"


def test_a_proxy_s_password_is_hidden() -> None:
    shown = registry_info.proxies(Proxies("http://me:secret@p:1", "http://p:2", "a,b"))
    assert shown == {
        "HttpProxy": "http://xxxxx:xxxxx@p:1",
        "HttpsProxy": "http://p:2",
        "NoProxy": "a,b",
    }
