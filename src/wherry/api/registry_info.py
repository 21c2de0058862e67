"""What `docker info` tells of registries and proxies: mirrors, insecure ones; passwords hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from wherry.registry.config import ALWAYS_INSECURE, DOCKER_HUB

if TYPE_CHECKING:
    from wherry.registry.config import Mirror, MirrorRow, Proxies, RegistryConfig

_HIDDEN: Final = "xxxxx:xxxxx"  # as dockerd writes it


def registries(config: RegistryConfig) -> dict[str, Any]:
    """`RegistryConfig`; rows of our own table appear among `IndexConfigs`, wildcards too."""
    names = [name for name in config.insecure if "/" not in name]
    ranges = [name for name in config.insecure if "/" in name]
    indexes = {name: _index(name, secure=False) for name in names}
    for row in config.mirrors:
        indexes[row.pattern] = _index(row.pattern, secure=row.pattern not in names, row=row)
    hub = indexes.pop(DOCKER_HUB, None) or _index(DOCKER_HUB, secure=True)
    return {
        "IndexConfigs": {DOCKER_HUB: hub, **indexes},
        "InsecureRegistryCIDRs": [*reversed(ALWAYS_INSECURE), *ranges],
        "Mirrors": hub["Mirrors"],
    }


def proxies(settings: Proxies) -> dict[str, str]:
    """`HttpProxy` and the others."""
    return {
        "HttpProxy": _masked(settings.http),
        "HttpsProxy": _masked(settings.https),
        "NoProxy": settings.none,
    }


def _index(name: str, *, secure: bool, row: MirrorRow | None = None) -> dict[str, Any]:
    return {
        "Name": name,
        "Mirrors": [_url(mirror) for mirror in row.mirrors] if row else [],
        "Secure": secure,
        "Official": name == DOCKER_HUB,
    }


def _url(mirror: Mirror) -> str:
    return f"{mirror.scheme}://{mirror.host}/{mirror.prefix}"


def _masked(proxy: str) -> str:
    user, at, rest = urlsplit(proxy).netloc.rpartition("@")
    return proxy.replace(f"{user}@{rest}", f"{_HIDDEN}@{rest}") if at else proxy
