"""`cp` into a container: a tar of what is here, or stdin as it is."""

from __future__ import annotations

import os
import stat

from wherry.cli.copying.paths import STANDARD, Source, Target, absolute, arrange, followed
from wherry.cli.copying.remote import Remote
from wherry.cli.failures import Failure
from wherry.cli.session import STDIN
from wherry.cli.transfers import Meter, read_pieces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_REGULAR_OR_DIRECTORY = (stat.S_IFREG, stat.S_IFDIR)


def send(remote: Remote, path: str, to: str, *, follow: bool, as_user: bool, quiet: bool) -> int:
    """Copy `path` to the path `to` of the container; the bytes that went. Raises `Failure`."""
    target = find_target(remote, to)
    meter = Meter("Copying", quiet=quiet)
    if path == STANDARD:
        if not target.is_directory:
            raise Failure(f'destination "{remote.name}:{to}" must be a directory')
        return _put(remote, target.path, read_pieces(STDIN, meter), as_user=as_user)
    source = find_source(path, follow=follow)
    directory, _, new = arrange(source, target)
    return _put(remote, directory, _metered(archive(source, new), meter), as_user=as_user)


def _put(remote: Remote, directory: str, pieces: Iterable[bytes], *, as_user: bool) -> int:
    sent = [0]

    def counted() -> Iterator[bytes]:
        for piece in pieces:
            sent[0] += len(piece)
            yield piece

    remote.put(directory, counted(), as_user=as_user)
    return sent[0]


def _metered(pieces: Iterable[bytes], meter: Meter) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        meter.add(len(piece))
    meter.close()


def find_target(remote: Remote, to: str) -> Target:
    """What is at the path of the container; a link there is followed."""
    path, facts = to, remote.stat(to)
    if facts is not None and facts.is_link:
        path = facts.link_target
        if not path.startswith("/"):
            path = os.path.join(os.path.dirname(to), path)
        facts = remote.stat(path)
    if facts is None:
        return Target(path)
    if not (facts.is_directory or facts.is_regular):
        raise Failure(f'destination "{remote.name}:{to}" must be a directory or a regular file')
    return Target(path, exists=True, is_directory=facts.is_directory)


def find_source(path: str, *, follow: bool) -> Source:
    """What is at the path here. Raises `Failure`."""
    path = absolute(path)
    place = path
    try:
        if follow:
            source = followed(path, os.path.realpath(path, strict=True))
        else:
            head, name = os.path.split(path)
            place = f"{os.path.realpath(head, strict=True)}/{name}"
            source = Source(place, is_directory=False)
        source.is_directory = stat.S_ISDIR(os.lstat(source.path).st_mode)
    except OSError as error:
        raise Failure(f"lstat {place}: {(error.strerror or '').lower()}") from None
    return source


def archive(source: Source, name: str) -> Iterator[bytes]:
    """The source as a tar, under another name. Raises `Failure` for what cannot be read."""
    from wherry.image import tarwriter

    raw = os.fsencode(name)
    try:
        if source.is_directory:
            root = os.open(source.path, _DIRECTORY)
            yield from tarwriter.part(root, "", b"" if name == "/" else raw)
        else:
            head, base = os.path.split(source.path)
            root = os.open(head, _DIRECTORY)
            yield from tarwriter.part(root, base, raw)
        os.close(root)
    except OSError as error:
        raise Failure(f"open {error.filename or source.path}: {error.strerror}") from None
