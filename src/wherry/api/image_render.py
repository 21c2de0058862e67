"""Images in Docker's keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from wherry.api.shims import IMAGE, IMAGE_SUMMARY, adapted
from wherry.api.timestamps import rfc3339_nano
from wherry.api.version import Version
from wherry.engine.values.images import HistoryEntry, ImageFacts, ManifestFacts, Removed
from wherry.spec.image import platform_to_json

_BILLION = 1_000_000_000
_DESCRIPTORS_SINCE: Final[Version] = (1, 48)

# The keys of an image's configuration that inspect shows (Docker Engine API, `ImageConfig`).
_CONFIG_KEYS: Final = [
    "User",
    "ExposedPorts",
    "Env",
    "Cmd",
    "Healthcheck",
    "ArgsEscaped",
    "Volumes",
    "WorkingDir",
    "Entrypoint",
    "OnBuild",
    "Labels",
    "StopSignal",
    "Shell",
]


def summarised(image: ImageFacts, version: Version) -> dict[str, Any]:
    """Return one entry of the list."""
    labels = (image.config or {}).get("Labels")
    shown: dict[str, Any] = {
        "Containers": image.containers,
        "Created": (image.created or 0) // _BILLION,
        "Id": image.id,
        "Labels": labels,
        "ParentId": image.parent,
        "RepoDigests": list(image.repo_digests),
        "RepoTags": list(image.repo_tags),
        "SharedSize": image.shared_size,
        "Size": image.size,
    }
    if image.manifests:
        shown["Manifests"] = [manifest(one) for one in image.manifests]
    return adapted(IMAGE_SUMMARY, shown, version)


def manifest(one: ManifestFacts) -> dict[str, Any]:
    """Return one platform behind a name (Docker Engine API, `ImageManifestSummary`)."""
    shown: dict[str, Any] = {
        "ID": one.descriptor.digest,
        "Descriptor": one.descriptor.to_json(),
        "Available": one.available,
        "Size": {"Content": one.content_size, "Total": one.content_size + one.unpacked_size},
        "Kind": one.kind,
    }
    if one.kind == "image":
        platform = platform_to_json(one.platform) if one.platform else {}
        shown["ImageData"] = {
            "Platform": platform,
            "Containers": list(one.containers),
            "Size": {"Unpacked": one.unpacked_size},
        }
    elif one.kind == "attestation":
        shown["AttestationData"] = {"For": one.attests}
    return shown


def inspected(image: ImageFacts, version: Version) -> dict[str, Any]:
    """Return the whole of an image."""
    shown: dict[str, Any] = {
        "Id": image.id,
        "RepoTags": list(image.repo_tags),
        "RepoDigests": list(image.repo_digests),
        "Parent": image.parent,
        "Comment": image.comment,
        "DockerVersion": image.docker_version,
        "Author": image.author,
        "Config": _config(image),
        "Architecture": image.architecture,
        "Os": image.os,
        "Size": image.size,
        "GraphDriver": {"Data": dict(image.driver_data), "Name": image.driver},
        "RootFS": {"Type": "layers", "Layers": list(image.layers)},
        "Metadata": {"LastTagTime": rfc3339_nano(image.last_tagged)},
    }
    optional = {"Variant": image.variant, "OsVersion": image.os_version}
    shown |= {key: value for key, value in optional.items() if value}
    if version >= _DESCRIPTORS_SINCE and image.descriptor is not None:
        shown["Descriptor"] = image.descriptor.to_json()
        if image.manifests:
            shown["Manifests"] = [manifest(one) for one in image.manifests]
    if image.created is not None:
        shown["Created"] = rfc3339_nano(image.created) if image.created else _EPOCH
    return adapted(IMAGE, shown, version)


_EPOCH: Final = "1970-01-01T00:00:00Z"
"""Reproducible images are made at second 0, which is a time like any other."""


def _config(image: ImageFacts) -> dict[str, Any]:
    """Return what is set in the configuration, of the keys that an image may have."""
    config = image.config or {}
    return {key: config[key] for key in _CONFIG_KEYS if config.get(key)}


def step(entry: HistoryEntry) -> dict[str, Any]:
    """Return one step of the history."""
    return {
        "Comment": entry.comment,
        "Created": entry.created // _BILLION,
        "CreatedBy": entry.created_by,
        "Id": entry.id,
        "Size": entry.size,
        "Tags": list(entry.tags) or None,
    }


def removals(done: Iterable[Removed]) -> list[dict[str, str]]:
    """Return what a removal did."""
    return [{removed.kind.capitalize(): removed.name} for removed in done]
