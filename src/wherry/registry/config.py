"""Which registries are mirrored, insecure, or have certificates of their own: one frozen value.

Docker's keys of daemon.json (`registry-mirrors`, `insecure-registries`, `max-concurrent-downloads`,
`max-concurrent-uploads`, `max-download-attempts`, `proxies`) keep their meaning; `registries` is
ours: mirrors for any registry, by name or wildcard.

    "registries": {
        "docker.io":     {"mirrors": ["https://cache.example:5000"]},
        "*.example.com": {"mirrors": ["https://harbor.example/proxy-{registry}"]}
    }
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.registry.signature_policy import DEFAULT_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DOCKER_HUB: Final = "docker.io"
CERTIFICATE_DIRECTORIES: Final = ("/etc/wherry/certs.d", "/etc/docker/certs.d")
ALWAYS_INSECURE: Final = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True)
class Mirror:
    """One mirror: `scheme` http or https, `host` with port, `prefix` before repository names.

    `prefix` is "" or ends with a slash. `names_origin` asks to tell the mirror the registry's name
    as `?ns=` (containerd's convention), where one mirror stands for registries by wildcard.
    """

    scheme: str
    host: str
    prefix: str = ""
    names_origin: bool = False


@dataclass(frozen=True, slots=True)
class MirrorRow:
    """Mirrors of every registry that `pattern` fits: a name (`docker.io`), `*.domain` or `*`."""

    pattern: str
    mirrors: tuple[Mirror, ...]


@dataclass(frozen=True, slots=True)
class Proxies:
    """Proxy settings, as in the variables HTTP_PROXY, HTTPS_PROXY, NO_PROXY; empty for none."""

    http: str = ""
    https: str = ""
    none: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Proxies:
        """The environment's settings; upper-case names count before lower-case ones, as in Go."""

        def value(name: str) -> str:
            return environment.get(name) or environment.get(name.lower()) or ""

        return cls(value("HTTP_PROXY"), value("HTTPS_PROXY"), value("NO_PROXY"))


@dataclass(frozen=True, slots=True)
class RegistryConfig:
    """How registries are to be reached.

    `insecure` holds names, host:port and CIDRs. `first_retry_delay` is in seconds; each next is
    twice as long. `proxies` None means the environment's.
    `signature_policy` is the file that `signature_check` reads.
    """

    mirrors: tuple[MirrorRow, ...] = ()
    insecure: tuple[str, ...] = ()
    certificate_directories: tuple[str, ...] = CERTIFICATE_DIRECTORIES
    max_concurrent_downloads: int = 3
    max_concurrent_uploads: int = 5
    max_download_attempts: int = 5
    first_retry_delay: float = 1.0
    proxies: Proxies | None = None
    signature_policy: str = DEFAULT_PATH

    def mirrors_of(self, domain: str) -> tuple[Mirror, ...]:
        """Mirrors of a registry in the order to try; the most exact row counts."""
        rows = [row for row in self.mirrors if _fits(row.pattern, domain)]
        best = max(rows, key=lambda row: len(row.pattern.lstrip("*")), default=None)
        return best.mirrors if best else ()

    def is_insecure(self, host: str, resolve: Callable[[str], Iterable[str]] | None = None) -> bool:
        """Whether TLS need not be verified, nor spoken, with a host[:port].

        As Docker: it is named so, or one of its addresses lies in a CIDR named so or in loopback.
        `resolve` gives the addresses of a name (the system's resolver by default; blocks).
        """
        import ipaddress  # 1 MB that a daemon without pulls does without

        if host in self.insecure:
            return True

        ranges = [text for text in (*ALWAYS_INSECURE, *self.insecure) if "/" in text]
        networks = [ipaddress.ip_network(text, strict=False) for text in ranges]
        addresses = [ipaddress.ip_address(each) for each in (resolve or _addresses)(_name(host))]
        return any(address in network for address in addresses for network in networks)


def _fits(pattern: str, domain: str) -> bool:
    if pattern.startswith("*"):
        return domain.endswith(pattern[1:])
    return pattern == domain


def _name(host: str) -> str:
    """A host[:port] without its port and the brackets of IPv6."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _addresses(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(entry[4][0]).partition("%")[0] for entry in found]
