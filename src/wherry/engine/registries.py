"""Questions to registries that no image comes of: login, search, what a reference leads to.

The registry client blocks, so each question runs in a thread with a session of its own. It is
imported there too: a daemon that was never asked does not hold it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

from wherry.engine.values.registries import Distribution
from wherry.errors import Internal, Invalid, Unauthorized, WherryError
from wherry.spec import image as documents
from wherry.spec import reference
from wherry.spec.image import Index

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.engine.values.registries import SearchQuery
    from wherry.registry.config import RegistryConfig
    from wherry.registry.credentials import Credentials
    from wherry.registry.session import Found, Session
    from wherry.spec.platform import Platform
    from wherry.spec.reference import Reference

    Result = TypeVar("Result")

DEFAULT_LIMIT: Final = 25
MAX_LIMIT: Final = 100
_HUB_NAMES: Final = frozenset(("", "index.docker.io", "registry-1.docker.io"))
_REQUIRED: Final = "authentication required"
_TRUE: Final = frozenset(("1", "true"))
_FALSE: Final = frozenset(("0", "false"))


class Registries:
    """Implements `wherry.api.backend.RegistryBackend`."""

    def __init__(self, config: RegistryConfig) -> None:
        self._config = config

    async def log_in(self, server: str, credentials: Credentials) -> str:
        """See `RegistryBackend.log_in`."""
        try:
            return await self._ask(domain_of(server), credentials, lambda session: session.log_in())
        except Unauthorized as error:
            # The registry's own words, but where they do not fit one who has just given them.
            told = error.message.replace(_REQUIRED, "incorrect username or password")
            raise Unauthorized(told) from None

    async def search(self, query: SearchQuery) -> Sequence[Found]:
        """See `RegistryBackend.search`."""
        if "://" in query.term:
            raise Invalid(
                f"invalid repository name: repository name ({query.term}) should not have a scheme"
            )
        limit = query.limit or DEFAULT_LIMIT
        if not 1 <= limit <= MAX_LIMIT:
            raise Invalid(f"limit {limit} is outside the range of [1, {MAX_LIMIT}]")
        wanted = _condition(query)
        domain, term = split_term(query.term)
        found = await self._ask(
            domain, query.credentials, lambda session: session.search(term, limit)
        )
        return [one for one in found if wanted(one)]

    async def describe(self, text: str, credentials: Credentials) -> Distribution:
        """See `RegistryBackend.describe`."""
        name = reference.parse(text).tagged()
        return await self._ask(name.domain, credentials, lambda session: _describe(session, name))

    async def _ask(
        self, domain: str, credentials: Credentials, question: Callable[[Session], Result]
    ) -> Result:
        """The answer of one registry. A client that goes away ends the conversation."""
        from wherry.registry.cancellation import Cancellation, Cancelled

        cancellation = Cancellation()

        def conversation() -> Result:
            from wherry.registry.session import Session

            with Session(domain, self._config, credentials, cancellation=cancellation) as session:
                return question(session)

        try:
            return await asyncio.to_thread(conversation)
        except asyncio.CancelledError:
            cancellation.cancel()
            raise
        except Cancelled:
            raise Internal(f"the conversation with {domain} was given up") from None


def domain_of(server: str) -> str:
    """The registry that a login's server address means: `https://host:5000/v1/` is `host:5000`."""
    host = server.partition("://")[2] if "://" in server else server
    host = host.partition("/")[0]
    return reference.DEFAULT_DOMAIN if host in _HUB_NAMES else host


def split_term(text: str) -> tuple[str, str]:
    """The registry and the words of a search term."""
    first, slash, rest = text.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        domain, term = domain_of(first), rest
    else:
        domain, term = reference.DEFAULT_DOMAIN, text
    return domain, term.removeprefix("library/") if domain == reference.DEFAULT_DOMAIN else term


def _condition(query: SearchQuery) -> Callable[[Found], bool]:
    """Whether a repository meets the filters. Raises Invalid.

    None is automated any more: the registries' word is not to be trusted (moby, API 1.44).
    """
    stars = max((_number(text) for text in query.filters.get("stars", ())), default=0)
    official = _truth(query, "is-official")
    automated = _truth(query, "is-automated")
    return lambda found: (
        found.stars >= stars and official in (None, found.official) and not automated
    )


def _truth(query: SearchQuery, name: str) -> bool | None:
    """The value of a filter that is true or false, None where it is not given."""
    values = set(query.filters.get(name, ()))
    if not values:
        return None
    if values <= _TRUE:
        return True
    if values <= _FALSE:
        return False
    raise Invalid(f"invalid filter '{name}=[{' '.join(sorted(values))}]'")


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Invalid(f"invalid filter 'stars={text}'") from None


def _describe(session: Session, name: Reference) -> Distribution:
    resolved = session.resolve(name)
    document = documents.parse_document(resolved.document, resolved.descriptor.media_type)
    if isinstance(document, Index):
        found = (one.platform for one in document.manifests)
        return Distribution(resolved.descriptor, tuple(one for one in found if one is not None))
    return Distribution(resolved.descriptor, _platform_of(session, name, document))


def _platform_of(
    session: Session, name: Reference, manifest: documents.Manifest
) -> tuple[Platform, ...]:
    """The platform in the config; none for an artifact, or if the config cannot be had."""
    if not manifest.is_image:
        return ()
    try:
        config = documents.parse_config(session.read_blob(name.path, manifest.config))
    except WherryError:
        return ()
    return (config.platform,)
