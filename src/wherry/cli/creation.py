"""Making a container, and the image for it when it is missing: for `run` and `create`."""

from __future__ import annotations

import os

from wherry.cli.failures import (
    STATUS_CANNOT_RUN,
    STATUS_NOT_EXECUTABLE,
    STATUS_NOT_FOUND,
    ApiFailure,
    Failure,
)
from wherry.cli.run.config import create_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options

_PULL = ("always", "missing", "never", "")

# Words in an error of the daemon, and the status that a shell would give for it.
_CAUSES = (
    ("executable file not found", STATUS_NOT_FOUND),
    ("no such file or directory", STATUS_NOT_FOUND),
    ("system cannot find the file specified", STATUS_NOT_FOUND),
    ("permission denied", STATUS_NOT_EXECUTABLE),
    ("is a directory", STATUS_NOT_EXECUTABLE),
)


def cannot_run(failure: Failure, command: str) -> Failure:
    """The failure as `run` and `create` report it: prefix, pointer to the help, exit status."""
    status = STATUS_CANNOT_RUN
    if isinstance(failure, ApiFailure):
        status = next((code for words, code in _CAUSES if words in failure.text), status)
    return Failure(
        f"wherry: {failure.message}\n\nRun 'wherry {command} --help' for more information", status
    )


def create_container(
    context: Context,
    options: Options,
    arguments: list[str],
    command: str,
    *,
    detached: bool = False,
) -> tuple[str, dict[str, Any]]:
    """Make the container; its id and the request that made it. Raises `Failure`."""
    image, *words = arguments
    try:
        _check_pull(options.text("pull"))
        request = create_request(options, image, words, detached=detached)
    except Failure as failure:
        raise cannot_run(failure, command) from None
    with _IdFile(options.text("cidfile"), command) as id_file:
        if options.text("pull") == "always":
            _pull(context, options, image)
        answer = _create(context, options, request, command)
        for warning in answer.get("Warnings") or []:
            context.warn(f"WARNING: {warning}")
        id_file.write(answer["Id"])
    return answer["Id"], request


def _check_pull(policy: str) -> None:
    if policy not in _PULL:
        raise Failure(
            f'invalid pull option: \'{policy}\': must be one of "always", "missing" or "never"'
        )


def _create(context: Context, options: Options, request: dict[str, Any], command: str) -> Any:
    query = {"name": options.text("name"), "platform": options.text("platform")}
    try:
        return context.api.post("/containers/create", query, request)
    except ApiFailure as failure:
        wanted = options.text("pull") in ("missing", "")
        if failure.code != 404 or "o such image" not in failure.text or not wanted:
            raise cannot_run(failure, command) from None
    if not options.on("quiet"):
        context.warn(f"Unable to find image '{_familiar(request['Image'])}' locally")
    _pull(context, options, request["Image"])
    try:
        return context.api.post("/containers/create", query, request)
    except ApiFailure as failure:
        raise cannot_run(failure, command) from None


def _familiar(image: str) -> str:
    last = image.rpartition("/")[2]
    return image if ":" in last or "@" in last else f"{image}:latest"


def _pull(context: Context, options: Options, image: str) -> None:
    from wherry.cli.pulling import pull_image

    try:
        pull_image(context, image, options.text("platform"), quiet=options.on("quiet"))
    except Failure as failure:
        raise cannot_run(failure, "run") from None


class _IdFile:
    """The file of --cidfile: made before the container, removed again when there is none."""

    __slots__ = ("_fd", "_path")

    def __init__(self, path: str, command: str) -> None:
        self._path = path
        self._fd = -1
        if path:
            self._open(path, command)

    def _open(self, path: str, command: str) -> None:
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            text = (
                "container ID file found, make sure the other container isn't running or delete "
                f"{path}"
            )
            raise cannot_run(Failure(text), command) from None
        except OSError as error:
            text = f"failed to create the container ID file: open {path}: "
            raise cannot_run(Failure(text + (error.strerror or "").lower()), command) from None

    def write(self, container: str) -> None:
        """Keep the id."""
        if self._fd >= 0:
            os.write(self._fd, container.encode())
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> _IdFile:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            os.unlink(self._path)
