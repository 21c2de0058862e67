"""Which proxy leads to a URL: HTTP_PROXY, HTTPS_PROXY and NO_PROXY as Docker's daemon reads them.

The rules are those of golang.org/x/net/http/httpproxy: loopback and `localhost` are never proxied;
NO_PROXY holds hosts (with subdomains), `.domain` (subdomains only), addresses, CIDRs, each with an
optional port, or `*`. No I/O.
"""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from wherry.errors import Unsupported

if TYPE_CHECKING:
    from wherry.registry.config import Proxies
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; `authorization` is the value of `Proxy-Authorization`, empty for none."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)


def choose(proxies: Proxies, scheme: str, host: str, port: int) -> Proxy | None:
    """The proxy for a host, None for a direct connection. Raises Unsupported for its scheme."""
    chosen = proxies.https if scheme == "https" else proxies.http
    if not chosen or _is_local(host) or _is_excepted(proxies.none, host, port):
        return None
    return _parse(chosen)


def _parse(text: str) -> Proxy:
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme != "http" or not parts.hostname:
        raise Unsupported(
            f"a proxy of scheme {parts.scheme!r} is not supported",
            hint="give an http:// proxy in HTTP_PROXY and HTTPS_PROXY; it is used for https too",
        )
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    return Proxy(parts.hostname, parts.port or _PORTS["http"], authorization)


def _is_local(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _is_excepted(rules: str, host: str, port: int) -> bool:
    return any(_fits(rule, host.lower(), port) for rule in rules.lower().replace(",", " ").split())


def _fits(rule: str, host: str, port: int) -> bool:
    if rule == "*":
        return True
    address = _address(host)
    if "/" in rule:
        network = _network(rule)
        return address is not None and network is not None and address in network
    name, rule_port = _split_port(rule)
    if rule_port and rule_port != str(port):
        return False
    if address is not None:
        return _address(name) == address
    name = name.removeprefix("*")
    return host.endswith(name) if name.startswith(".") else _is_below(host, name)


def _is_below(host: str, name: str) -> bool:
    return host == name or host.endswith("." + name)


def _split_port(rule: str) -> tuple[str, str]:
    if rule.startswith("["):
        name, _, rest = rule[1:].partition("]")
        return name, rest.removeprefix(":")
    if rule.count(":") == 1:
        name, _, port = rule.partition(":")
        return name, port
    return rule, ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
