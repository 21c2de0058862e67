"""Mounts as a client asks for them (`--mount`); what the kernel mounts is `wherry.kernel.mount`.

Source: Docker Engine API v1.51, definition `Mount`.
"""

# ruff: noqa: RUF009 - every call below makes a dataclasses.field, anew for each class

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wherry.spec.jsonfields import flag, json_field, number, pairs, text


@dataclass(frozen=True, slots=True)
class IDMapping:
    """As whose the files of a mount are seen: a form of `ownership`, "match-user" as in Docker.

    Source: moby pull request 53368, which proposes it for bind mounts; older clients leave it out.
    """

    source: str = text("Source", omit=True)
    user: str = text("User", omit=True)

    @property
    def form(self) -> str:
        """The form as one text."""
        source = self.source or "owner"
        return f"{source}:{self.user}" if self.user else source


@dataclass(frozen=True, slots=True)
class BindOptions:
    """Options of a bind mount."""

    propagation: str = text("Propagation", omit=True)
    non_recursive: bool = flag("NonRecursive", omit=True)
    create_mountpoint: bool = flag("CreateMountpoint", omit=True)
    read_only_non_recursive: bool = flag("ReadOnlyNonRecursive", omit=True)
    read_only_force_recursive: bool = flag("ReadOnlyForceRecursive", omit=True)
    id_mapping: IDMapping | None = json_field("IDMapping", "mount.IDMapping", omit=True)


@dataclass(frozen=True, slots=True)
class VolumeDriver:
    """The volume driver and what it is told."""

    name: str = text("Name", omit=True)
    options: Mapping[str, str] | None = pairs("Options", omit=True)


@dataclass(frozen=True, slots=True)
class VolumeOptions:
    """Options of a volume; `no_copy` leaves the image's files at the target out of it."""

    no_copy: bool = flag("NoCopy", omit=True)
    labels: Mapping[str, str] | None = pairs("Labels", omit=True)
    subpath: str = text("Subpath", omit=True)
    driver_config: VolumeDriver | None = json_field("DriverConfig", "mount.Driver", omit=True)
    id_mapping: IDMapping | None = json_field("IDMapping", "mount.IDMapping", omit=True)


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """Options of an image mount."""

    subpath: str = text("Subpath", omit=True)


@dataclass(frozen=True, slots=True)
class TmpfsOptions:
    """Options of a tmpfs: bytes, permission bits, `mount -o` words as (name,) or (name, value)."""

    size_bytes: int = number("SizeBytes", omit=True)
    mode: int = number("Mode", "uint32", omit=True)
    options: tuple[tuple[str, ...], ...] | None = json_field("Options", "[][]string", omit=True)


@dataclass(frozen=True, slots=True)
class Mount:
    """One wanted mount; `type` is `bind`, `volume`, `tmpfs`, `image`, `npipe` or `cluster`."""

    type: str = text("Type", omit=True)
    source: str = text("Source", omit=True)
    target: str = text("Target", omit=True)
    read_only: bool = flag("ReadOnly", omit=True)
    consistency: str = text("Consistency", omit=True)
    bind_options: BindOptions | None = json_field("BindOptions", "mount.BindOptions", omit=True)
    volume_options: VolumeOptions | None = json_field(
        "VolumeOptions", "mount.VolumeOptions", omit=True
    )
    image_options: ImageOptions | None = json_field("ImageOptions", "mount.ImageOptions", omit=True)
    tmpfs_options: TmpfsOptions | None = json_field("TmpfsOptions", "mount.TmpfsOptions", omit=True)
