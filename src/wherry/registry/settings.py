"""The registry settings of the daemon's file, checked and made a `RegistryConfig`.

Wording of refusals as dockerd's (moby, registry/config.go), which people look up.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wherry.errors import Invalid
from wherry.registry.config import DOCKER_HUB, Mirror, MirrorRow, Proxies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PROXY_KEYS = {"http-proxy": "http", "https-proxy": "https", "no-proxy": "none"}


def mirror_rows(docker: Sequence[str], table: Mapping[str, Any]) -> tuple[MirrorRow, ...]:
    """Docker's `registry-mirrors` and our `registries` as one table. Raises Invalid."""
    rows = []
    if docker:
        rows.append(MirrorRow(DOCKER_HUB, tuple(map(_docker_mirror, docker))))
    for pattern, row in table.items():
        _check_pattern(pattern)
        if docker and pattern == DOCKER_HUB:
            raise Invalid(
                "mirrors of docker.io are given twice, by registry-mirrors and by registries"
            )
        rows.append(MirrorRow(pattern, _row(pattern, row)))
    return tuple(rows)


def insecure(names: Sequence[str]) -> tuple[str, ...]:
    """`insecure-registries`: host[:port] or CIDR each. Raises Invalid."""
    return tuple(map(_insecure, names))


def proxies(values: Mapping[str, Any]) -> Proxies | None:
    """The file's `proxies`, None when it has none (then the environment's count)."""
    unknown = sorted(values.keys() - _PROXY_KEYS.keys())
    if unknown or not all(isinstance(value, str) for value in values.values()):
        raise Invalid(
            f"proxies: only {', '.join(_PROXY_KEYS)} can be set, each to a string",
            hint=f"unknown: {', '.join(unknown)}" if unknown else "",
        )
    return Proxies(**{_PROXY_KEYS[key]: value for key, value in values.items()}) if values else None


def limit(key: str, value: int) -> int:
    """A number of transfers or attempts. Raises Invalid unless it is positive."""
    if value < 1:
        raise Invalid(f"invalid {key.replace('-', ' ')}: {value}")
    return value


def _docker_mirror(text: str) -> Mirror:
    mirror = _mirror(text, names_origin=False)
    if mirror.prefix:
        raise Invalid(
            f"invalid mirror: path, query, or fragment at end of the URI {text!r}",
            hint="a mirror with a path can be given in the table: registries",
        )
    return mirror


def _row(pattern: str, row: object) -> tuple[Mirror, ...]:
    texts = row.get("mirrors") if isinstance(row, dict) and len(row) == 1 else None
    if not isinstance(texts, list):
        raise Invalid(f'registries: {pattern} must be {{"mirrors": ["https://...", ...]}}')
    if not all(isinstance(text, str) for text in texts):
        raise Invalid(f"registries: the mirrors of {pattern} must be strings")
    wild = pattern.startswith("*")
    return tuple(_mirror(text, names_origin=wild and "{registry}" not in text) for text in texts)


def _mirror(text: str, *, names_origin: bool) -> Mirror:
    try:
        parts = urlsplit(text)
        valid = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise Invalid(f"invalid mirror: {text!r} is not a valid URI")
    if parts.scheme not in ("http", "https"):
        raise Invalid(f"invalid mirror: unsupported scheme {parts.scheme!r} in {text!r}")
    if parts.username is not None or parts.query or parts.fragment:
        raise Invalid(
            "invalid mirror: user, query, or fragment in the URI"
            f" {parts.scheme}://{parts.hostname}{parts.path}"
        )
    path = parts.path.strip("/")
    return Mirror(parts.scheme, parts.netloc, f"{path}/" if path else "", names_origin)


def _check_pattern(pattern: str) -> None:
    rest = pattern.removeprefix("*")
    if "*" in rest or "/" in rest or (pattern.startswith("*") and rest and rest[0] != "."):
        raise Invalid(
            f"registries: {pattern!r} is neither a registry's host[:port] nor *.domain nor *"
        )


def _insecure(text: str) -> str:
    if "://" in text:
        raise Invalid(f"insecure registry {text} should not contain '://'")
    if "/" in text:
        try:
            return str(ipaddress.ip_network(text, strict=False))
        except ValueError as error:
            raise Invalid(f"insecure registry {text} is not valid: {error}") from None
    if not text or text.startswith("-") or any(letter.isspace() for letter in text):
        raise Invalid(f"insecure registry {text} is not valid: invalid host {text!r}")
    return text
