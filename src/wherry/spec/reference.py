"""Image references: `[domain/]path[:tag][@digest]`, with Docker's defaults and short forms.

Grammar: https://pkg.go.dev/github.com/distribution/reference. A name without a domain belongs to
docker.io, one without a slash there to `library/`; people see and type the short ("familiar") form,
the store keeps the full one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from wherry.errors import Invalid
from wherry.spec import digest as digests

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"
_LIBRARY = "library/"
_NAME_LIMIT = 255  # bytes, domain excluded

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference in full form; `tag` and `digest` are empty where absent."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """The repository in full: `docker.io/library/debian`."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The repository as people write it: `debian`, `user/app`, `host:5000/app`."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        short = self.path.removeprefix(_LIBRARY)
        return self.path if "/" in short else short

    @property
    def familiar(self) -> str:
        """The whole reference as people write it."""
        return self.familiar_name + self._suffix

    @property
    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def __str__(self) -> str:
        return self.name + self._suffix

    def tagged(self) -> Reference:
        """The same with the tag `latest` when there is neither tag nor digest."""
        return self if self.tag or self.digest else replace(self, tag=DEFAULT_TAG)

    def with_tag(self, tag: str) -> Reference:
        """The same repository with this tag and no digest; raises Invalid."""
        return Reference(self.domain, self.path, check_tag(tag))

    def with_digest(self, digest: str) -> Reference:
        """The same repository with this digest and no tag."""
        return Reference(self.domain, self.path, digest=digests.check(digest))


def parse(text: str) -> Reference:
    """A reference as people write it -> the full form; raises Invalid with Docker's words.

    The 64 hex digits of an image id are not a repository name (`Invalid`), as with Docker.
    """
    if _IDENTIFIER.fullmatch(text):
        raise Invalid(
            f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
        )
    rest, _, digest = text.partition("@")
    if digest or text.endswith("@"):
        digest = _checked_digest(digest)
    domain, remainder = _split_domain(rest)
    path, tag = _split_tag(remainder)
    if path.lower() != path:
        raise Invalid(f"invalid reference format: repository name ({path}) must be lowercase")
    if not _PATH.fullmatch(path) or not _DOMAIN.fullmatch(domain):
        raise Invalid("invalid reference format")
    if len(path) > _NAME_LIMIT:
        raise Invalid(f"repository name must not be more than {_NAME_LIMIT} characters")
    return Reference(domain, path, tag, digest)


def _split_domain(text: str) -> tuple[str, str]:
    """The first part is a domain when it has a dot, a port or capitals, or is localhost."""
    first, slash, rest = text.partition("/")
    is_domain = slash and (
        "." in first or ":" in first or first == "localhost" or first.lower() != first
    )
    domain, remainder = (first, rest) if is_domain else (DEFAULT_DOMAIN, text)
    if domain == "index.docker.io":
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in remainder:
        remainder = _LIBRARY + remainder
    return domain, remainder


def _split_tag(text: str) -> tuple[str, str]:
    path, colon, tag = text.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise Invalid("invalid reference format")
    return path, tag


def _checked_digest(text: str) -> str:
    try:
        return digests.check(text)
    except Invalid as error:
        raise Invalid("invalid reference format", hint=error.message) from error


def check_tag(tag: str) -> str:
    """The tag itself; raises Invalid when it is none."""
    if not _TAG.fullmatch(tag):
        raise Invalid(f"invalid tag format: {tag!r}")
    return tag
