"""Names for registries, and pulling an image because a container wants it."""

from __future__ import annotations

from wherry.cli.failures import Failure
from wherry.cli.output import STDERR
from wherry.cli.progress import show_messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context


def pull_image(context: Context, image: str, platform: str, *, quiet: bool) -> None:
    """POST /images/create, progress on stderr. Raises `Failure`."""
    from wherry.cli.credentials.store import auth_headers

    name, tag = split_tag(image)
    query = {"fromImage": name, "tag": tag, "platform": platform}
    headers = auth_headers(context, image)
    response = context.api.request("POST", "/images/create", query, headers=headers)
    show_messages(response.pieces(), STDERR, quiet=quiet)


def split_tag(image: str) -> tuple[str, str]:
    """Name, and tag or digest: `latest` when there is none."""
    name, at, digest = image.partition("@")
    if at:
        return name, digest
    head, colon, tag = image.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (image, "latest")


def has_tag(image: str) -> bool:
    """Whether it names a tag or a digest."""
    return "@" in image or ":" in image.rpartition("/")[2]


def full_name(image: str) -> str:
    """`docker.io/library/debian:12` of `debian:12`. Raises `Failure` when it is no name."""
    from wherry.errors import Invalid
    from wherry.spec import reference

    try:
        return str(reference.parse(image))
    except Invalid as error:
        raise Failure(str(error)) from None
