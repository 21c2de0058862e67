"""Images for tests, made from what Debian installs: busybox-static, and a debootstrap tree."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUSYBOX = Path("/bin/busybox")
CREATED = "2024-01-01T00:00:00Z"
PASSWD = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/:/bin/false
app:x:1000:1000::/home/app:/bin/sh
"""
GROUP = "root:x:0:\ndaemon:x:1:\nwheel:x:10:app\napp:x:1000:\nextra:x:2000:app\n"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
CONFIG = {
    "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "FROM_IMAGE=yes"],
    "Cmd": ["sh"],
    "Labels": {"org.wherry.test": "busybox"},
}


def _member(name: str, kind: bytes, mode: int, link: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.size = kind, mode, link, size
    info.mtime = 1704067200  # CREATED
    return info


def _add_file(archive: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    archive.addfile(_member(name, tarfile.REGTYPE, mode, size=len(data)), io.BytesIO(data))


def busybox_layer() -> bytes:
    """The one layer of the busybox image: the same bytes on every call."""
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, mode in {"bin": 0o755, "etc": 0o755, "home": 0o755, "root": 0o700}.items():
            archive.addfile(_member(name, tarfile.DIRTYPE, mode))
        archive.addfile(_member("tmp", tarfile.DIRTYPE, 0o1777))
        home = _member("home/app", tarfile.DIRTYPE, 0o755)
        home.uid = home.gid = 1000
        archive.addfile(home)
        _add_file(archive, "bin/busybox", BUSYBOX.read_bytes(), 0o755)
        for applet in applets.stdout.split():
            if applet != "busybox":
                archive.addfile(_member(f"bin/{applet}", tarfile.SYMTYPE, 0o777, "busybox"))
        _add_file(archive, "etc/passwd", PASSWD.encode())
        _add_file(archive, "etc/group", GROUP.encode())
        for name, data in TRAPS.items():
            _add_file(archive, name, data, 0o755)
    return buffer.getvalue()


TRAPS = {
    "bin/crlf": b"#!/bin/sh\r\necho hello\r\n",
    "bin/no-interpreter": b"#!/no/such/interpreter\n",
    "bin/wrong-machine": b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xf3\x00" + bytes(100),
    "bin/not-a-program": b"just text, and executable\n",
}
"""Programs that cannot start, each for a reason of its own."""


def archive(
    reference: str,
    layers: list[bytes],
    config: dict[str, object],
    diff_ids: list[str] | None = None,
) -> bytes:
    """A docker-archive (what `docker save` writes) of one image.

    `diff_ids` (hex) are needed when the layers are compressed.
    """
    digests = diff_ids or [hashlib.sha256(layer).hexdigest() for layer in layers]
    image = {
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": CREATED,
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        "history": [{"created": CREATED, "created_by": "tests/images.py"} for _ in layers],
    }
    encoded = json.dumps(image, sort_keys=True).encode()
    name = f"{hashlib.sha256(encoded).hexdigest()}.json"
    paths = [f"{digest}/layer.tar" for digest in digests]
    manifest = [{"Config": name, "RepoTags": [reference], "Layers": paths}]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as outer:
        _add_file(outer, name, encoded)
        for path, layer in zip(paths, layers, strict=True):
            _add_file(outer, path, layer)
        _add_file(outer, "manifest.json", json.dumps(manifest).encode())
    return buffer.getvalue()


def busybox_archive(reference: str = "busybox:latest") -> bytes:
    """A docker-archive of the busybox image, with users, groups and programs that cannot start."""
    return archive(reference, [busybox_layer()], dict(CONFIG))


def cache_directory() -> Path:
    """What takes long to make is kept here from run to run."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", ROOT / ".cache")) / "wherry-tests"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def debian_tree() -> Path:
    """A tar of Debian bookworm's minimal system, made once and kept in the cache.

    Raises OSError or CalledProcessError when debootstrap or its mirror is missing.
    """
    cache = cache_directory()
    made = cache / "debian-bookworm.tar"
    with locked(cache / "lock"):
        if not made.exists():
            _bootstrap(cache / "tree", made)
    return made


def _bootstrap(tree: Path, made: Path) -> None:
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(
        ["debootstrap", "--variant=minbase", "bookworm", tree], check=True, capture_output=True
    )
    partial = made.with_suffix(".partial")
    subprocess.run(["tar", "-C", tree, "--numeric-owner", "-cf", partial, "."], check=True)
    partial.rename(made)
    shutil.rmtree(tree)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock across the workers of one test run."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
