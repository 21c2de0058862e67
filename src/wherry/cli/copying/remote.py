"""A container's archive endpoints, as `cp` uses them."""

from __future__ import annotations

import binascii

from wherry.cli.each import container_path
from wherry.cli.failures import ApiFailure, Failure
from wherry.jsontext import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wherry.cli.api import Api

_HEADER = "x-docker-container-path-stat"
_NOT_FOUND = 404
# Go's fs.FileMode
_IS_DIRECTORY = 1 << 31
_IS_LINK = 1 << 27
_OTHER_KINDS = _IS_DIRECTORY | _IS_LINK | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21


class PathFacts:
    """What is at a path of a container; `link_target` is absolute, "" for what is no link."""

    __slots__ = ("is_directory", "is_link", "is_regular", "link_target")

    def __init__(self, mode: int, link_target: str) -> None:
        self.is_directory = bool(mode & _IS_DIRECTORY)
        self.is_link = bool(mode & _IS_LINK)
        self.is_regular = not mode & _OTHER_KINDS
        self.link_target = link_target


class Remote:
    """The files of the container `name`."""

    __slots__ = ("_api", "_path", "name")

    def __init__(self, api: Api, name: str) -> None:
        self._api = api
        self._path = container_path(name, "archive")
        self.name = name

    def stat(self, path: str) -> PathFacts | None:
        """What is there; None where nothing is. Raises `Failure`."""
        try:
            response = self._api.request("HEAD", self._path, {"path": path})
        except ApiFailure as failure:
            if failure.code == _NOT_FOUND:  # the container too, as the next request will say
                return None
            raise
        return _facts(response.headers)

    def get(self, path: str) -> tuple[PathFacts, Iterator[bytes]]:
        """What is there, and a tar of it. Raises `Failure`."""
        response = self._api.request("GET", self._path, {"path": path})
        return _facts(response.headers), response.pieces()

    def put(self, path: str, pieces: Iterable[bytes], *, as_user: bool) -> None:
        """Unpack a tar in the directory `path`. Raises `Failure`."""
        query = {"path": path, "noOverwriteDirNonDir": "true", "copyUIDGID": as_user}
        headers = {"Content-Type": "application/x-tar"}
        self._api.request("PUT", self._path, query, pieces, headers).read()


def _facts(headers: dict[str, str]) -> PathFacts:
    try:
        value = decode(binascii.a2b_base64(headers[_HEADER]))
        return PathFacts(int(value["mode"]), str(value.get("linkTarget") or ""))
    except (KeyError, ValueError, TypeError):
        raise Failure("unable to retrieve resource stat: the daemon's answer has none") from None
