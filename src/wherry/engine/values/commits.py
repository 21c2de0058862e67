"""An image to be made of a container."""

from __future__ import annotations

from dataclasses import dataclass

from wherry.engine.containers.config import ContainerConfig


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """`reference` is "" for an image without a name; `changes` are Dockerfile instructions.

    `config` is completed by the container's own; None is the container's. With `pause` its
    processes stand still while its files are read.
    """

    reference: str = ""
    author: str = ""
    comment: str = ""
    changes: tuple[str, ...] = ()
    pause: bool = True
    config: ContainerConfig | None = None
