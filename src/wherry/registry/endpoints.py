"""Which endpoints serve a registry: its mirrors in order, then itself."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final

from wherry.registry import tls
from wherry.registry.config import DOCKER_HUB, Proxies
from wherry.registry.connections import Connections
from wherry.registry.endpoint import Address, Endpoint

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from wherry.registry.config import Mirror, RegistryConfig
    from wherry.registry.credentials import Credentials

_DOCKER_HUB_HOST: Final = "registry-1.docker.io"
_DOCKER_HUB_SEARCH: Final = "index.docker.io"


def registry(
    domain: str,
    config: RegistryConfig,
    credentials: Credentials,
    extra: Mapping[str, str],
    *,
    offline: bool = False,
) -> Endpoint:
    """The registry that a reference's domain means."""
    host = _DOCKER_HUB_HOST if domain == DOCKER_HUB else domain
    schemes = ("https", "http") if config.is_insecure(host) else ("https",)
    return _endpoint(Address(host, schemes), config, credentials, extra, offline=offline)


def search_host(domain: str) -> str:
    """The host that answers searches (registry API v1)."""
    return _DOCKER_HUB_SEARCH if domain == DOCKER_HUB else domain


def mirrors(
    domain: str,
    config: RegistryConfig,
    credentials_of: Callable[[str], Credentials],
    extra: Mapping[str, str],
) -> tuple[Endpoint, ...]:
    """The mirrors of a registry, in the order to try."""
    return tuple(
        _endpoint(_mirror_address(mirror, domain), config, credentials_of(mirror.host), extra)
        for mirror in config.mirrors_of(domain)
    )


def _mirror_address(mirror: Mirror, domain: str) -> Address:
    prefix = mirror.prefix.replace("{registry}", domain)
    return Address(mirror.host, (mirror.scheme,), prefix, domain if mirror.names_origin else "")


def _endpoint(
    address: Address,
    config: RegistryConfig,
    credentials: Credentials,
    extra: Mapping[str, str],
    *,
    offline: bool = False,
) -> Endpoint:
    settings = config.proxies or Proxies.of(os.environ)
    connections = Connections(settings, partial(_context, address.host, config))
    return Endpoint(
        address,
        connections,
        credentials,
        extra=extra,
        trusts=config.is_insecure,
        offline=offline,
    )


def _context(endpoint: str, config: RegistryConfig, host: str) -> ssl.SSLContext:
    """TLS settings for a host that the endpoint leads to: itself, its token server, its storage.

    The endpoint's own authorities and certificates count for all of them, as with Docker. That it
    is insecure counts for its own host name only: another host is judged for itself.
    """
    is_own = endpoint.rpartition(":")[0].strip("[]") == host or endpoint == host
    insecure = config.is_insecure(endpoint if is_own else host)
    files = tls.find_files(config.certificate_directories, endpoint)
    return tls.context(files, verify=not insecure)
