"""How escapes are attempted: a script in a container of the engine, an image that sets traps."""

from __future__ import annotations

import io
import tarfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests import images
from tests.engines import Engine

# Opens for writing and writes nothing: what would be harmed if the wall were missing stays whole.
OPEN_FOR_WRITING = 'for f in {paths}; do [ -e $f ] && (: >> $f) 2>/dev/null && echo "OPEN $f"; done'


def run(engine: Engine, script: str, *options: str, image: str = "busybox") -> str:
    """Both outputs of a shell script in a fresh container, whatever its status was."""
    done = engine.docker("run", "--rm", "--network", "none", *options, image, "sh", "-c", script)
    assert done.returncode < 125, done.stderr.decode()  # 125 to 127: the container never ran
    return (done.stdout + done.stderr).decode()


def opened(paths: Iterable[str]) -> str:
    """A script that tells which of these files it could open for writing; ends with "done"."""
    return OPEN_FOR_WRITING.format(paths=" ".join(paths)) + "; echo done"


def link(name: str, target: str) -> tarfile.TarInfo:
    """A symbolic link as a member of a layer."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def program(name: str, data: bytes, mode: int = 0o755) -> tuple[tarfile.TarInfo, bytes]:
    """An executable file as a member of a layer."""
    info = tarfile.TarInfo(name)
    info.mode, info.size = mode, len(data)
    return info, data


def layer(members: Iterable[tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A layer that is laid over the busybox image's."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in members:
            info, data = member if isinstance(member, tuple) else (member, b"")
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@contextmanager
def trapped_image(
    engine: Engine, *members: tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]
) -> Iterator[str]:
    """The busybox image with further members, under a name of its own; removed afterwards."""
    name = f"trap-{uuid.uuid4().hex[:12]}:latest"
    layers = [images.busybox_layer(), layer(members)]
    engine.output("load", stdin=images.archive(name, layers, dict(images.CONFIG)))
    try:
        yield name
    finally:
        engine.output("rmi", "--force", name)


@contextmanager
def running(engine: Engine, script: str, *options: str, image: str = "busybox") -> Iterator[str]:
    """The name of a container that runs a script in the background; removed afterwards."""
    name = f"escape-{uuid.uuid4().hex[:12]}"
    words = ("--network", "none", *options, image, "sh", "-c", script)
    engine.output("run", "--detach", "--name", name, *words)
    try:
        yield name
    finally:
        engine.output("rm", "--force", "--volumes", name)
