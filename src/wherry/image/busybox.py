"""A root file system of busybox alone, as a tar: one static program, its applets' links, users."""

from __future__ import annotations

import contextlib
import glob
import os
import struct
import subprocess
import tempfile
from typing import TYPE_CHECKING

from wherry.errors import Unavailable
from wherry.image.tarwriter import Entry, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = "busybox-static"
_INSTALLED = ("/bin/busybox", "/usr/bin/busybox")
_BLOCK = 512
_PT_INTERP = 3
_PASSWD = b"""\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
"""
_GROUP = b"""\
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
wheel:x:10:root
mail:x:8:
utmp:x:43:
users:x:100:
www-data:x:33:
nogroup:x:65534:
"""
_SHADOW = b"root:*:::::::\nnobody:*:::::::\n"
_DIRECTORIES = {
    "bin": 0o755,
    "dev": 0o755,
    "etc": 0o755,
    "home": 0o755,
    "proc": 0o755,
    "root": 0o700,
    "sbin": 0o755,
    "sys": 0o755,
    "tmp": 0o1777,
    "usr": 0o755,
    "usr/bin": 0o755,
    "usr/sbin": 0o755,
    "var": 0o755,
    "var/tmp": 0o1777,
}


@contextlib.contextmanager
def program() -> Iterator[str]:
    """The path of a static busybox: the installed one, else one from the package, unpacked aside.

    Raises Unavailable when neither is to be had.
    """
    for path in _INSTALLED:
        if os.path.exists(path) and _is_static(path):
            yield path
            return
    with tempfile.TemporaryDirectory(prefix="wherry-busybox-") as directory:
        yield _downloaded(directory)


def _is_static(path: str) -> bool:
    """Whether a 64-bit ELF program asks for no dynamic loader (elf(5), PT_INTERP)."""
    with open(path, "rb") as file:
        head = file.read(64)
        if len(head) < 64 or head[:5] != b"\x7fELF\x02":
            return False
        offset = struct.unpack_from("<Q", head, 32)[0]
        size, count = struct.unpack_from("<HH", head, 54)
        file.seek(offset)
        table = file.read(size * count)
    kinds = (struct.unpack_from("<I", table, place)[0] for place in range(0, len(table), size))
    return _PT_INTERP not in kinds


def _downloaded(directory: str) -> str:
    """Fetch the package with apt, which verifies it, and unpack it."""
    os.chmod(directory, 0o755)  # apt drops to a user of its own for the download
    try:
        _run(["apt-get", "download", _PACKAGE], directory)
        (package,) = glob.glob(f"{directory}/*.deb")
        _run(["dpkg-deb", "-x", package, f"{directory}/unpacked"], directory)
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"cannot get the package {_PACKAGE}: {error}",
            hint=f"apt-get update && apt-get install {_PACKAGE}",
        ) from error
    for path in ("bin/busybox", "usr/bin/busybox"):
        if os.path.exists(f"{directory}/unpacked/{path}"):
            return f"{directory}/unpacked/{path}"
    raise Unavailable(f"the package {_PACKAGE} holds no busybox")


def _run(command: list[str], directory: str) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise OSError(f"{' '.join(command)}: {last}")


def root(path: str, epoch: int) -> Iterator[bytes]:
    """The root file system as a tar; `epoch` is every file's mtime, in seconds."""
    listed = subprocess.run([path, "--list-full"], capture_output=True, text=True, check=True)
    with open(path, "rb") as file:
        files = {"bin/busybox": (file.read(), 0o755)}
    files |= {"etc/passwd": (_PASSWD, 0o644), "etc/group": (_GROUP, 0o644)}
    files |= {"etc/shadow": (_SHADOW, 0o640)}
    for name, mode in _DIRECTORIES.items():
        yield encode(Entry(f"{name}/".encode(), b"5", mode, mtime=epoch))
    for name, (content, mode) in files.items():
        yield encode(Entry(name.encode(), b"0", mode, size=len(content), mtime=epoch))
        yield content + bytes(-len(content) % _BLOCK)
    yield from _links(listed.stdout.split(), epoch)
    yield bytes(2 * _BLOCK)


def _links(applets: list[str], epoch: int) -> Iterator[bytes]:
    """Every applet where it belongs, and in /bin too, which every PATH has."""
    names = {applet.lstrip("/") for applet in applets}
    names |= {f"bin/{os.path.basename(name)}" for name in names}
    for name in sorted(names - {"bin/busybox", "linuxrc", "bin/linuxrc"}):
        if os.path.dirname(name) in _DIRECTORIES:
            link = b"/bin/busybox"
            yield encode(Entry(name.encode(), b"2", 0o777, mtime=epoch, link=link))
