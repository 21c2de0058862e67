"""The guest's first file system: what it needs to find its disk, and the code under test.

Format: a cpio archive of the kind "newc" (Linux Documentation/driver-api/early-userspace/
buffer-format.rst), which the kernel unpacks before it starts /init.
"""

from __future__ import annotations

import gzip
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.guest.vm.kernel import GuestMissing, Kernel, module_files

ROOT = Path(__file__).resolve().parents[3]
CODE = ("src", "tests", "bin", "pyproject.toml")
MODULES = ["virtio_pci", "virtio_blk"]
BUSYBOX = Path("/bin/busybox")

Entry = tuple[str, int, int, bytes]
"""Name, mode with its file type, time of change (s), content."""


def write(target: Path, kernel: Kernel, arguments: Sequence[str], policy: bytes = b"") -> None:
    """Write the RAM disk; `arguments` are those of pytest in the guest. Raises GuestMissing.

    `policy` is SELinux's, which the guest loads before anything else.
    """
    if not BUSYBOX.exists():
        raise GuestMissing(f"{BUSYBOX} (Debian: busybox-static) is not installed")
    with gzip.open(target, "wb", compresslevel=1) as out:
        for entry in _entries(kernel, arguments, policy):
            out.write(_record(*entry))
        out.write(_record("TRAILER!!!", 0, 0, b""))


def _entries(kernel: Kernel, arguments: Sequence[str], policy: bytes) -> Iterator[Entry]:
    for name in ("bin", "modules", "proc", "dev", "newroot", "wherry"):
        yield (name, stat.S_IFDIR | 0o755, 0, b"")
    yield ("bin/busybox", stat.S_IFREG | 0o755, 0, BUSYBOX.read_bytes())
    init = Path(__file__).with_name("init")
    yield ("init", stat.S_IFREG | 0o755, 0, init.read_bytes())
    for position, file in enumerate(module_files(kernel, MODULES)):
        name = f"modules/{position:02}-{file.name}"
        yield (name, stat.S_IFREG | 0o644, 0, file.read_bytes())
    for part in CODE:
        yield from _tree(ROOT / part)
    listed = "".join(f"{argument}\n" for argument in arguments).encode()
    yield ("wherry/arguments", stat.S_IFREG | 0o644, 0, listed)
    if policy:
        yield ("wherry/policy", stat.S_IFREG | 0o644, 0, policy)


def _tree(path: Path) -> Iterator[Entry]:
    """With byte code and times of change: the guest then need not compile, which is slow there."""
    info = path.stat()
    name = f"wherry/{path.relative_to(ROOT)}"
    if path.is_dir():
        yield (name, stat.S_IFDIR | 0o755, int(info.st_mtime), b"")
        for below in sorted(path.iterdir()):
            yield from _tree(below)
    else:
        yield (name, info.st_mode, int(info.st_mtime), path.read_bytes())


def _record(name: str, mode: int, mtime: int, content: bytes) -> bytes:
    encoded = os.fsencode(name) + b"\0"
    inode, links = 0, 1
    numbers = (inode, mode, 0, 0, links, mtime, len(content), 0, 0, 0, 0, len(encoded), 0)
    header = b"070701" + b"".join(b"%08X" % number for number in numbers)
    return _padded(header + encoded) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
