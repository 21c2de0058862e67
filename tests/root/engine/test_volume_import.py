"""`volume import`: what an archive brings is there as it was, and nowhere else."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import Engine

WHERRY = [sys.executable, "-I", "-c", "from wherry.cli.main import main; main()"]


@pytest.fixture
def volume(wherry: Engine) -> Iterator[str]:
    name = f"import-{uuid.uuid4().hex[:12]}"
    wherry.output("volume", "create", name)
    yield name
    wherry.output("volume", "rm", name)


def _import(engine: Engine, volume: str, source: str) -> subprocess.CompletedProcess[bytes]:
    command = [*WHERRY, "volume", "import", volume, source]
    return subprocess.run(command, env=engine.environment, capture_output=True, check=False)


def test_links_attributes_and_holes_survive(wherry: Engine, volume: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "dir").mkdir(parents=True)
    (source / "dir" / "one").write_text("linked")
    os.link(source / "dir" / "one", source / "two")
    os.setxattr(source / "two", "user.colour", b"blue")
    os.chown(source / "dir", 12, 34)
    (source / ".wh.name").touch()
    with (source / "sparse").open("wb") as file:
        file.truncate(64 << 20)
        file.seek(32 << 20)
        file.write(b"middle")
    archive = tmp_path / "archive.tar"
    words = ["tar", "--sparse", "--xattrs", "-C", os.fspath(source), "-czf", os.fspath(archive)]
    subprocess.run([*words, "."], check=True)
    done = _import(wherry, volume, os.fspath(archive))
    assert done.returncode == 0, done.stderr
    place = Path(wherry.output("volume", "inspect", "-f", "{{.Mountpoint}}", volume))
    assert (place / "two").samefile(place / "dir" / "one")
    assert os.getxattr(place / "two", "user.colour") == b"blue"
    assert ((place / "dir").stat().st_uid, (place / "dir").stat().st_gid) == (12, 34)
    assert (place / ".wh.name").is_file()
    assert (place / "sparse").stat().st_size == 64 << 20
    assert (place / "sparse").stat().st_blocks * 512 < 1 << 20


def test_nothing_leads_out(wherry: Engine, volume: str, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, os.fspath(tmp_path)
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("out/planted"))
    bad = tmp_path / "bad.tar"
    bad.write_bytes(buffer.getvalue())
    before = sorted(os.listdir(tmp_path))
    _import(wherry, volume, os.fspath(bad))
    assert sorted(os.listdir(tmp_path)) == before


def test_what_is_no_archive(wherry: Engine, volume: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no tar " * 200)
    done = _import(wherry, volume, os.fspath(tmp_path / "text"))
    assert done.returncode == 1
    assert b"this is no tar archive" in done.stderr
    assert b"no such volume" in _import(wherry, "nosuch", os.fspath(tmp_path / "text")).stderr
