"""What `cp` takes paths for, by docker's rules: no file system is touched here.

A path that ends in "/" must be a directory; one that ends in "/." is what is in the directory.
"""

from __future__ import annotations

import os

from wherry.cli.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

STANDARD: Final = "-"


class Source:
    """What is copied: its path, whether it is a directory, and the name it goes by where a link
    was followed to it ("" for its own)."""

    __slots__ = ("is_directory", "path", "renamed")

    def __init__(self, path: str, *, is_directory: bool, renamed: str = "") -> None:
        self.path = path
        self.is_directory = is_directory
        self.renamed = renamed


class Target:
    """Where it goes; what is there already."""

    __slots__ = ("exists", "is_directory", "path")

    def __init__(self, path: str, *, exists: bool = False, is_directory: bool = False) -> None:
        self.path = path
        self.exists = exists
        self.is_directory = is_directory


def split_argument(text: str) -> tuple[str, str]:
    """(container, path) of an argument; the container is "" for a path of this machine."""
    if os.path.isabs(text):
        return "", text
    container, colon, path = text.partition(":")
    if not colon or container.startswith("."):
        return "", text
    return container, path


def means_content(path: str) -> bool:
    """Whether it is what is in the directory that is meant, not the directory."""
    return os.path.basename(path) == "."


def means_directory(path: str) -> bool:
    """Whether the path says that it is a directory."""
    return path.endswith("/") or means_content(path)


def split(path: str) -> tuple[str, str]:
    """The directory that it is in, and its name there; "." for what is in the path itself."""
    clean = os.path.normpath(path)
    if means_content(path):
        return clean, "."
    head, name = os.path.split(clean)
    return head or ".", name


def absolute(path: str) -> str:
    """The same from "/" on, with what its end says kept."""
    clean = os.path.abspath(path)
    if means_content(path):
        return os.path.join(clean, ".")
    return os.path.join(clean, "") if path.endswith("/") else clean


def followed(path: str, target: str) -> Source:
    """The source behind a link: its own place, and the link's name."""
    target = os.path.normpath(target)
    if means_content(path):
        target = os.path.join(target, ".")
    elif path.endswith("/"):
        target = os.path.join(target, "")
    renamed = _base(path) if _base(path) != _base(target) else ""
    return Source(target, is_directory=False, renamed=renamed)


def _base(path: str) -> str:
    return os.path.basename(path.rstrip("/")) or "/"


def arrange(source: Source, target: Target) -> tuple[str, str, str]:
    """(directory to unpack in, name that the source goes by, name that it shall have there).

    Raises `Failure` for what cannot be.
    """
    name = source.renamed or split(source.path)[1]
    directory, new = split(target.path)
    if target.exists and target.is_directory:
        return target.path, name, name
    if target.exists and source.is_directory:
        raise Failure("cannot copy directory")
    if not target.exists and not source.is_directory and means_directory(target.path):
        raise Failure("no such directory")
    return directory, name, new
