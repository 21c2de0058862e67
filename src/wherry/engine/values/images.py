"""Questions to the images part of the engine and its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wherry.registry.credentials import Credentials
    from wherry.spec.image import Descriptor
    from wherry.spec.platform import Platform


@dataclass(frozen=True, slots=True)
class ManifestFacts:
    """One manifest that a name stands for: an image of one platform, or what is said about one.

    `descriptor` is what points at it; `kind` "image", "attestation" or "unknown" (an artifact).
    `available` tells whether its content is here: `content_size` bytes of blobs, and
    `unpacked_size` of its layers where they are unpacked (as image `image_id`). `attests` is the
    digest of the manifest that an attestation is about.
    """

    descriptor: Descriptor
    kind: str
    available: bool
    platform: Platform | None = None
    image_id: str = ""
    content_size: int = 0
    unpacked_size: int = 0
    containers: tuple[str, ...] = ()
    attests: str = ""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """One image as list and inspect show it.

    `id` is "sha256:<hex of the config>". `created` and `last_tagged` are nanoseconds since the
    epoch, None where unknown. `config` is the `config` object of the image's JSON as it stands
    there. `size` is bytes of all layers; `shared_size` those shared with other images (-1: not
    worked out); `containers` how many use it (-1: not counted). `layers` are diffIDs, lowest first.
    `driver` names the snapshotter, `driver_data` what it tells of this image.
    """

    id: str
    repo_tags: tuple[str, ...] = ()
    repo_digests: tuple[str, ...] = ()
    parent: str = ""
    comment: str = ""
    created: int | None = None
    last_tagged: int | None = None
    docker_version: str = ""
    author: str = ""
    config: Mapping[str, Any] | None = None
    architecture: str = ""
    variant: str = ""
    os: str = ""
    os_version: str = ""
    size: int = 0
    shared_size: int = -1
    containers: int = -1
    layers: tuple[str, ...] = ()
    driver: str = "overlay2"
    driver_data: Mapping[str, str] = field(default_factory=dict)
    descriptor: Descriptor | None = None
    """The manifest or index that its first name stands for."""
    manifests: tuple[ManifestFacts, ...] = ()
    """Worked out on request."""


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """Which images to list: filters as in `containers.ListQuery`, `all` with untagged parents."""

    all: bool = False
    shared_size: bool = False
    manifests: bool = False
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One step of an image, newest first; `id` is "<missing>" but for the image itself.

    `created` is in nanoseconds since the epoch.
    """

    id: str
    created: int
    created_by: str
    tags: tuple[str, ...]
    size: int
    comment: str


@dataclass(frozen=True, slots=True)
class Removed:
    """One thing that `rmi` did: `kind` is "untagged" (a reference) or "deleted" (a digest)."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class ImagesPruned:
    """What `image prune` did and the bytes that came free."""

    removed: tuple[Removed, ...]
    space: int


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """A root file system to make an image of.

    `reference` is "" for an untagged image; `changes` are Dockerfile instructions; `platform` is
    "os[/arch[/variant]]" or "" for the host's.
    """

    reference: str = ""
    message: str = ""
    changes: tuple[str, ...] = ()
    platform: str = ""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """An image to fetch.

    `reference` as a client writes it; `platform` "os[/arch[/variant]]", "" for the host's, "all"
    for every one of an index. With `all_tags` the reference has neither tag nor digest and every
    tag of the repository is fetched. `credentials` are the client's, None to go anonymously.
    """

    reference: str
    platform: str = ""
    all_tags: bool = False
    credentials: Credentials | None = None


@dataclass(frozen=True, slots=True)
class PushRequest:
    """An image to send: a name with tag, or with `all_tags` a name without, every tag of it.

    `platform` sends that platform's image only, where the name stands for several.
    """

    reference: str
    platform: str = ""
    all_tags: bool = False
    credentials: Credentials | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """One piece of news of a long operation; each field "" or None when it has nothing to say.

    `stream` is text to print as it is; `status` a state, of the part `id` where given, with
    `current` of `total` bytes done; `error` ends the operation; `aux` is a value for programs.
    """

    status: str = ""
    id: str = ""
    current: int | None = None
    total: int | None = None
    stream: str = ""
    error: str = ""
    aux: Mapping[str, Any] | None = None
