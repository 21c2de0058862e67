"""The registry, asked by the command itself and not by the daemon, as `docker manifest` does."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wherry.cli.credentials.store import CredentialStore
from wherry.cli.failures import Failure
from wherry.cli.manifests.listed import Listed, listed
from wherry.errors import Invalid, NotFound, WherryError
from wherry.spec import image, reference
from wherry.spec.image import Index

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wherry.cli.context import Context
    from wherry.registry.session import Resolved, Session
    from wherry.spec.image import Descriptor, Manifest
    from wherry.spec.reference import Reference


def named(text: str) -> Reference:
    """A reference as typed, `latest` where it has neither tag nor digest. Raises `Failure`."""
    try:
        return reference.parse(text).tagged()
    except Invalid as error:
        raise Failure(str(error)) from None


@contextmanager
def conversation(context: Context, domain: str, *, insecure: bool) -> Iterator[Session]:
    """A session with a registry, as the person who runs the command.

    What goes wrong with the registry inside the block is raised as `Failure`.
    """
    from wherry.registry.config import RegistryConfig
    from wherry.registry.credentials import Credentials
    from wherry.registry.session import Session

    login = CredentialStore(context.environ).get(domain)
    credentials = Credentials(
        login.username, login.password, login.identity_token, login.registry_token
    )
    config = RegistryConfig(insecure=(domain,) if insecure else ())
    try:
        with Session(domain, config, credentials) as session:
            yield session
    except WherryError as error:
        raise Failure(str(error)) from None


def resolve(session: Session, name: Reference) -> Resolved:
    """What a name leads to. Raises `Failure` in docker's words when it is not there."""
    try:
        return session.resolve(name)
    except NotFound:
        raise Failure(f"no such manifest: {name}") from None


def fetch_manifest(session: Session, name: Reference) -> Listed:
    """An image's manifest with its platform. Raises `Failure` for a list."""
    resolved = resolve(session, name)
    document = parsed(resolved)
    if isinstance(document, Index):
        raise Failure(f"{name} is a manifest list")
    platform = _platform(session, name, document)
    return listed(str(name), resolved.descriptor, resolved.document, platform)


def fetch_list(session: Session, name: Reference, index: Index) -> list[Listed]:
    """Every manifest of a list, with the platforms that the list says."""
    return [_entry(session, name, descriptor) for descriptor in index.manifests]


def parsed(resolved: Resolved) -> Manifest | Index:
    """The document that a name leads to. Raises Invalid."""
    return image.parse_document(resolved.document, resolved.descriptor.media_type)


def _entry(session: Session, name: Reference, descriptor: Descriptor) -> Listed:
    found = session.manifest(name.path, descriptor)
    if isinstance(parsed(found), Index):
        raise Failure(f"unsupported manifest type: {descriptor.digest} is a list within a list")
    platform = image.platform_to_json(descriptor.platform) if descriptor.platform else {}
    at = f"{name}@{descriptor.digest}" if not name.digest else f"{name.name}@{descriptor.digest}"
    return listed(at, found.descriptor, found.document, platform)


def _platform(session: Session, name: Reference, manifest: Manifest) -> Mapping[str, Any]:
    """The platform in an image's config; {} for an artifact."""
    if not manifest.is_image:
        return {}
    config = image.parse_config(session.read_blob(name.path, manifest.config))
    return image.platform_to_json(config.platform)
