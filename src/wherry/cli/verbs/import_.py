"""`wherry import`."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.flags import Flag
from wherry.cli.output import STDOUT
from wherry.cli.progress import show_messages
from wherry.cli.references import check_reference
from wherry.cli.session import STDIN
from wherry.cli.transfers import Meter, open_source, read_pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("change", "c", "list", "Apply a Dockerfile instruction to the image"),
    Flag("message", "m", "string", "Set the comment of the image"),
    Flag("platform", "", "string", "Set the image's platform (os/architecture)"),
)


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Send the archive, or tell the daemon where it is, and say the new image's id."""
    source, name = arguments[0], arguments[1] if len(arguments) > 1 else ""
    repository, tag = check_reference(name) if name else ("", "")
    is_url = source.startswith(("http://", "https://"))
    query: dict[str, object] = {
        "fromSrc": source if is_url else "-",
        "repo": repository,
        "tag": tag,
        "message": options.text("message"),
        "changes": options.list("change"),
        "platform": options.text("platform"),
    }
    import_archive(context, query, None if is_url else _pieces(source))


def _pieces(source: str) -> Iterable[bytes]:
    fd, total = (STDIN, 0) if source == "-" else open_source(source)
    return read_pieces(fd, Meter("Sending archive", total))


def import_archive(
    context: Context, query: dict[str, object], body: Iterable[bytes] | None
) -> None:
    """POST /images/create, and show the daemon's messages."""
    headers = {"Content-Type": "application/x-tar"}
    response = context.api.request("POST", "/images/create", query, body, headers)
    show_messages(response.pieces(), STDOUT)


COMMAND = Command(
    "Make an image from a tar archive of a file system",
    run,
    arguments="file|URL|- [REPOSITORY[:TAG]]",
    flags=FLAGS,
    least=1,
    most=2,
    complete="files",
)
