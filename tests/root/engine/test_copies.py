"""`cp` against hostile containers: nothing outside of the container is read or written."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import leaks
from tests.engines import Engine

_ROUNDS = 40
# Swaps a directory and a link to the host's place of the same name, as quickly as it can.
_SWAP = """
mkdir -p /w{path} /w/kept; echo inside > /w{path}/secret
cd /w; mv .{path} kept/dir
touch /ready
while true; do
  ln -s {path} swapped; rm swapped
  mv kept/dir swapped; mv swapped kept/dir
done
"""
WHERRY = [sys.executable, "-I", "-c", "from wherry.cli.main import main; main()"]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A directory of the host that no container may reach."""
    place = tmp_path / "host"
    place.mkdir()
    (place / "secret").write_text("of the host")
    return place


@pytest.fixture
def swapping(wherry: Engine, secret: Path) -> Iterator[str]:
    """A container whose /w/swapped is a directory now and a link to the host's directory then."""
    script = _SWAP.format(path=secret)
    name = f"swap-{os.getpid()}"
    wherry.output("run", "-d", "--name", name, "busybox", "sh", "-c", script)
    while wherry.docker("exec", name, "test", "-e", "/ready").returncode:
        pass
    yield name
    wherry.output("rm", "-f", name)


def _archive(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _put(engine: Engine, name: str, path: str, archive: bytes) -> int:
    with engine.connect() as connection:
        target = f"/containers/{name}/archive?path={quote(path)}"
        return connection.request("PUT", target, archive).status


def _get(engine: Engine, name: str, path: str) -> tuple[int, bytes]:
    with engine.connect() as connection:
        answer = connection.request("GET", f"/containers/{name}/archive?path={quote(path)}")
        return answer.status, answer.body


def test_swapped_links_lead_nowhere_for_writing(
    wherry: Engine, swapping: str, secret: Path
) -> None:
    """CVE-2018-15664."""
    archive = _archive(("swapped/planted", b"x"), ("swapped/secret", b"overwritten"))
    statuses = {_put(wherry, swapping, "/w", archive) for _ in range(_ROUNDS)}
    statuses |= {
        _put(wherry, swapping, "/w/swapped", _archive(("secret", b"overwritten")))
        for _ in range(_ROUNDS)
    }
    assert [path.name for path in secret.iterdir()] == ["secret"]
    assert (secret / "secret").read_text() == "of the host"
    assert statuses <= {200, 400, 404, 500}


def test_swapped_links_lead_nowhere_for_reading(wherry: Engine, swapping: str) -> None:
    """CVE-2018-15664, the other way."""
    for _ in range(_ROUNDS):
        for path in ("/w/swapped/secret", "/w/swapped/", "/w"):
            _, body = _get(wherry, swapping, path)
            assert b"of the host" not in body


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
@pytest.mark.parametrize("link", ["{0}", "../../../../../../../..{0}", "/proc/1/root{0}"])
def test_links_mean_the_container(wherry: Engine, secret: Path, running: bool, link: str) -> None:
    target = link.format(secret)
    script = f"mkdir -p {secret}; ln -s {target} /out; touch /ready; {'sleep 1000' * running}"
    id = wherry.output("run", "-d", "--pid=host", "busybox", "sh", "-c", script)
    try:
        if running:
            while wherry.docker("exec", id, "test", "-e", "/ready").returncode:
                pass
        else:
            wherry.output("wait", id)
        for path in ("/out", "/out/", "/"):
            _put(wherry, id, path, _archive(("out/planted", b"x"), ("planted", b"x")))
            _, body = _get(wherry, id, "/out/secret")
            assert b"of the host" not in body
        assert [path.name for path in secret.iterdir()] == ["secret"]
    finally:
        wherry.output("rm", "-f", id)


def test_nothing_of_the_container_is_loaded(wherry: Engine, tmp_path: Path) -> None:
    """CVE-2019-14271: the root is full of libraries and modules that would tell of their use."""
    mark = tmp_path / "loaded"
    module = f"open({os.fspath(mark)!r}, 'w').write('loaded')\n".encode()
    libraries = [f"{place}/libnss_files.so.2" for place in ("lib", "lib64", "usr/lib")]
    names = ("encodings/idna", "lzma", "bz2", "zlib", "traceback", "linecache", "zstandard")
    places = [path.strip("/") for path in sys.path if path]
    modules = [f"{place}/{name}.py" for place in places for name in names]
    id = wherry.output("create", "busybox")
    try:
        planted = _archive(
            *((name, b"\x7fELF") for name in libraries), *((name, module) for name in modules)
        )
        assert _put(wherry, id, "/", planted) == 200
        plain = _archive(("file", b"content"))
        for compress in (gzip.compress, bz2.compress, lzma.compress):
            assert _put(wherry, id, "/tmp", compress(plain)) == 200
        assert _put(wherry, id, "/tmp", b"no tar at all, so an error is worded") == 400
        assert _get(wherry, id, "/tmp")[0] == 200
        assert not mark.exists()
    finally:
        wherry.output("rm", id)


def test_archives_cannot_lead_out(wherry: Engine, secret: Path) -> None:
    id = wherry.output("create", "busybox")
    try:
        assert _put(wherry, id, "/tmp", _archive(("../../../planted", b"x"))) == 400
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            info = tarfile.TarInfo("link")
            info.type, info.linkname = tarfile.SYMTYPE, os.fspath(secret)
            archive.addfile(info)
            archive.addfile(tarfile.TarInfo("link/planted"))
            hard = tarfile.TarInfo("hard")
            hard.type, hard.linkname = tarfile.LNKTYPE, "link/secret"
            archive.addfile(hard)
        assert _put(wherry, id, "/tmp", buffer.getvalue()) == 400
        assert [path.name for path in secret.iterdir()] == ["secret"]
    finally:
        wherry.output("rm", id)


def test_a_tmpfs_of_a_running_container_is_seen(wherry: Engine) -> None:
    id = wherry.output("run", "-d", "--tmpfs", "/ram", "busybox", "sleep", "1000")
    try:
        assert _put(wherry, id, "/ram", _archive(("file", b"in memory"))) == 200
        assert wherry.output("exec", id, "cat", "/ram/file") == "in memory"
        assert b"in memory" in _get(wherry, id, "/ram/file")[1]
    finally:
        wherry.output("rm", "-f", id)


def test_the_client_is_left_where_it_wants_to_be(
    wherry: Engine, secret: Path, tmp_path: Path
) -> None:
    """`wherry cp` unpacks inside of its target, whatever links the container has brought."""
    script = f"mkdir /d; ln -s {secret} /d/link; echo x > /d/file"
    id = wherry.output("run", "-d", "busybox", "sh", "-c", script)
    try:
        wherry.output("wait", id)
        command = [*WHERRY, "cp", f"{id}:/d", os.fspath(tmp_path / "out")]
        subprocess.run(command, check=True, env=wherry.environment)
        assert os.readlink(tmp_path / "out" / "link") == os.fspath(secret)
        again = [*WHERRY, "cp", f"{id}:/d/file", os.fspath(tmp_path / "out" / "link")]
        subprocess.run(again, check=True, env=wherry.environment)
        assert (secret / "file").read_text() == "x\n"  # the user's own link, given by the user
    finally:
        wherry.output("rm", id)


def test_workers_leave_nothing(wherry: Engine, tmp_path: Path) -> None:
    """A client that goes away ends the worker and what it has mounted."""
    before = leaks.Holdings.of(wherry)
    id = wherry.output("create", "busybox")
    try:
        request = f"GET /containers/{id}/archive?path=/ HTTP/1.1\r\nHost: x\r\n\r\n"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(os.fspath(wherry.socket))
            client.sendall(request.encode())
            client.recv(100)
        wherry.output("start", id)
        wherry.output("wait", id)
    finally:
        wherry.output("rm", id)
    leaks.assert_nothing_left(wherry, before)
