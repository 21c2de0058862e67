"""Which parts a configuration asks for; the only place where they are put together."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from wherry.registry.server import front
from wherry.registry.server.access import ANONYMOUS, EVERYBODY, Guard, Open, Rights, Rule
from wherry.registry.server.accesslog import AccessLog
from wherry.registry.server.app import Registry
from wherry.registry.server.collection import Collector
from wherry.registry.server.config import Config
from wherry.registry.server.content import Contents
from wherry.registry.server.front import Front, Page
from wherry.registry.server.library import Library
from wherry.registry.server.metrics import Metrics
from wherry.registry.server.pushing import Pushing
from wherry.registry.server.quota import Quotas
from wherry.registry.server.uploading import Uploading

Parts = tuple[Front, Collector | None, Metrics]


@contextlib.contextmanager
def open_registry(chosen: Config, log: AccessLog) -> Iterator[Parts]:
    """The registry that a configuration describes; closed at the end. Raises WherryError."""
    with contextlib.ExitStack() as held:
        if chosen.data_root:
            from wherry.registry.server.engineview import EngineView

            view = held.enter_context(contextlib.closing(EngineView(chosen.data_root)))
            metrics = Metrics(view.counts)
            yield _front(chosen, view, log, metrics, None), None, metrics
            return
        library = held.enter_context(contextlib.closing(_library(chosen)))
        metrics = Metrics(library.reading.counts)
        contents: Contents = library
        if chosen.upstream.url:
            from wherry.registry.server.cache import Cache
            from wherry.registry.server.upstream import Upstream

            upstream = held.enter_context(contextlib.closing(Upstream(chosen.upstream)))
            contents = Cache(library, upstream, chosen.upstream.fresh, metrics.counters)
        writable = not (chosen.read_only or chosen.upstream.url)
        handler = _front(chosen, contents, log, metrics, library if writable else None)
        collector = None if chosen.read_only else Collector(library, chosen.collection)
        yield handler, collector, metrics


def _library(chosen: Config) -> Library:
    """A cache's indexes name manifests that nobody has asked for yet."""
    return Library(
        chosen.root,
        sparse=chosen.sparse,
        note_after=min(60.0, chosen.collection.grace / 4),
    )


def _front(
    chosen: Config, contents: Contents, log: AccessLog, metrics: Metrics, library: Library | None
) -> Front:
    """The handler; `library` is what can be changed, None for a read-only registry."""
    pages: dict[str, Page] = {"/health": front.health, "/metrics": metrics.page}
    guard = _guard(chosen, pages)
    if library is None:
        return Front(Registry(contents, guard), log, metrics, pages)
    quotas = Quotas(chosen.quota, library.reading)
    registry = Registry(contents, guard, Pushing(library, quotas), Uploading(library, quotas))
    return Front(registry, log, metrics, pages)


def _guard(chosen: Config, pages: dict[str, Page]) -> Guard:
    """Who decides about requests; adds the token endpoint where it is ours."""
    tokens, service = chosen.tokens, chosen.tokens.service or "wherry-registry"
    logged_in = Rights((Rule(users=(EVERYBODY,)),))
    if tokens.keys:
        from wherry.registry.server.authentication import Bearers
        from wherry.registry.server.tokens import foreign_verifier

        verifier = foreign_verifier(tokens.keys, tokens.issuer, tokens.service)
        return Bearers(verifier, tokens.realm, tokens.service, "")
    if not chosen.htpasswd:
        return Open(chosen.rights or Rights((Rule(users=(ANONYMOUS,)),)))
    from wherry.registry.server.authentication import TOKEN_PATH, Bearers, Passwords
    from wherry.registry.server.htpasswd import Htpasswd

    users, rights = Htpasswd(chosen.htpasswd), chosen.rights or logged_in
    if not tokens.builtin:
        return Passwords(users, rights)
    from wherry.registry.server.tokenendpoint import TokenEndpoint
    from wherry.registry.server.tokens import Issuer, own_verifier

    secret = os.path.join(chosen.root or chosen.data_root, "token.secret")
    issuer = Issuer(secret, service, tokens.lifetime)
    pages[TOKEN_PATH] = TokenEndpoint(users, rights, issuer).page
    scheme = "https" if chosen.tls.certificate else "http"
    realm = chosen.url.rstrip("/") + TOKEN_PATH if chosen.url else ""
    return Bearers(own_verifier(issuer), realm, service, scheme)
