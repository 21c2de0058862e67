"""Which endpoint of the API a path means. Text in, values out.

The path is decoded once and then has to match the specification's grammar whole; nothing outside
of it (`..`, an encoded slash or NUL, capitals) gets any further, so a name can be trusted from
here on.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from wherry.registry.server.errors import RegistryError
from wherry.spec import digest as digests

NAME_LIMIT: Final = 255
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME: Final = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


class Endpoint(enum.Enum):
    """The rows of the specification's table of endpoints."""

    BASE = enum.auto()
    CATALOG = enum.auto()
    MANIFEST = enum.auto()
    BLOB = enum.auto()
    UPLOADS = enum.auto()
    UPLOAD = enum.auto()
    TAGS = enum.auto()
    REFERRERS = enum.auto()


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint, the repository's name, and what the path ends with (tag, digest, upload)."""

    endpoint: Endpoint
    name: str = ""
    reference: str = ""


# Uploads stand before blobs, since `uploads` could be read as a blob's digest; a name may itself
# contain `blobs` or `tags`, so the last occurrence counts (the first group is greedy).
_SHAPES: Final = (
    (re.compile(r"/v2/(.+)/blobs/uploads/([^/]+)"), Endpoint.UPLOAD),
    (re.compile(r"/v2/(.+)/blobs/uploads/?()"), Endpoint.UPLOADS),
    (re.compile(r"/v2/(.+)/blobs/([^/]+)"), Endpoint.BLOB),
    (re.compile(r"/v2/(.+)/manifests/([^/]+)"), Endpoint.MANIFEST),
    (re.compile(r"/v2/(.+)/tags/list()"), Endpoint.TAGS),
    (re.compile(r"/v2/(.+)/referrers/([^/]+)"), Endpoint.REFERRERS),
)


def route(path: str) -> Route | None:
    """Read a request's (still encoded) path; None for what is not of this API.

    Raises RegistryError: NAME_INVALID.
    """
    decoded = unquote(path, errors="replace")
    if decoded in ("/v2/", "/v2"):
        return Route(Endpoint.BASE)
    if decoded == "/v2/_catalog":
        return Route(Endpoint.CATALOG)
    for shape, endpoint in _SHAPES:
        if match := shape.fullmatch(decoded):
            return Route(endpoint, check_name(match[1]), match[2])
    return None


def check_name(name: str) -> str:
    """The name of a repository itself. Raises RegistryError: NAME_INVALID."""
    if len(name) > NAME_LIMIT or not _NAME.fullmatch(name):
        raise RegistryError(
            "NAME_INVALID",
            f"invalid repository name {name[:NAME_LIMIT]!r}: lower-case letters, digits and "
            f"separators, at most {NAME_LIMIT} characters",
        )
    return name


def check_digest(text: str) -> str:
    """A digest itself. Raises RegistryError: DIGEST_INVALID."""
    if not digests.is_digest(text):
        raise RegistryError(
            "DIGEST_INVALID",
            f"invalid digest {text[:200]!r}: expected sha256: or sha512: and its hex digits",
        )
    return text


def is_tag(text: str) -> bool:
    """Whether the text can be a tag."""
    return _TAG.fullmatch(text) is not None


def check_reference(text: str) -> str:
    """A tag or a digest itself. Raises RegistryError: DIGEST_INVALID, MANIFEST_INVALID."""
    if ":" in text:
        return check_digest(text)
    if not is_tag(text):
        raise RegistryError("MANIFEST_INVALID", f"invalid tag {text[:200]!r}")
    return text
