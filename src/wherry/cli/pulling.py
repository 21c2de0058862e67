"""Pulling an image because a container wants it."""

from __future__ import annotations

from wherry.cli.output import STDERR
from wherry.cli.progress import show_messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context


def pull_image(context: Context, image: str, platform: str, *, quiet: bool) -> None:
    """POST /images/create, progress on stderr. Raises `Failure`."""
    name, tag = split_tag(image)
    query = {"fromImage": name, "tag": tag, "platform": platform}
    response = context.api.request("POST", "/images/create", query)
    show_messages(response.pieces(), STDERR, quiet=quiet)


def split_tag(image: str) -> tuple[str, str]:
    """Name, and tag or digest: `latest` when there is none."""
    name, at, digest = image.partition("@")
    if at:
        return name, digest
    head, colon, tag = image.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (image, "latest")
