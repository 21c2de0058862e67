"""Debian's cloud kernel for the guest: taken from the package mirror once, kept in the cache.

The package is unpacked, not installed: the machine that tests keeps its own kernel.
"""

from __future__ import annotations

import errno
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "linux-image-cloud-amd64"
LONGEST = 300
"""Seconds for a download; a mirror that hangs must not hang the tests."""


class GuestMissing(Exception):
    """The guest cannot be had on this machine; the text says why and becomes the skip reason."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """An unpacked kernel: its image and its modules (lib/modules/RELEASE)."""

    image: Path
    modules: Path

    @property
    def release(self) -> str:
        """What uname -r says in the guest."""
        return self.modules.name


def kernel(cache: Path) -> Kernel:
    """The kernel below `cache`, fetched when it is not there. Raises GuestMissing."""
    place = cache / "kernel"
    if not place.exists():
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            unpacked = _unpack(_download(Path(scratch)), Path(scratch))
            _settle(unpacked, place)
    images = sorted(place.glob("boot/vmlinuz-*"))
    modules = sorted(place.glob("lib/modules/*"))
    if not images or not modules:
        raise GuestMissing(f"{place} holds no kernel; remove it to fetch one anew")
    return Kernel(images[-1], modules[-1])


def package(cache: Path, name: str) -> Path:
    """The files of a Debian package, unpacked below `cache` once. Raises GuestMissing."""
    place = cache / "packages" / name
    if not place.exists():
        place.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            tree = Path(scratch) / "unpacked"
            _run("dpkg-deb", "-x", str(_fetch(name, Path(scratch))), str(tree), cwd=Path(scratch))
            _settle(tree, place)
    return place


def _settle(tree: Path, place: Path) -> None:
    """Put a tree in its place, unless another worker of the test run was quicker."""
    try:
        tree.rename(place)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _download(directory: Path) -> Path:
    """The .deb of the newest cloud kernel: what the meta package depends on."""
    if shutil.which("apt-cache") is None:
        raise GuestMissing(f"no apt-get here to fetch {PACKAGE} with")
    depends = _run("apt-cache", "depends", PACKAGE, cwd=directory)
    found = re.search(r"Depends: (linux-image-\S+)", depends)
    if found is None:
        raise GuestMissing(f"the package mirror offers no {PACKAGE}")
    return _fetch(found[1], directory)


def _fetch(name: str, directory: Path) -> Path:
    # Not as the user _apt, who may not write here; apt warns of it and goes on as root.
    _run("apt-get", "download", "-qq", name, cwd=directory)
    return next(directory.glob("*.deb"))


def _unpack(package: Path, scratch: Path) -> Path:
    """The package's files, with modules.dep, which its own installation would have made."""
    tree = scratch / "unpacked"
    _run("dpkg-deb", "-x", str(package), str(tree), cwd=scratch)
    release = next((tree / "lib/modules").iterdir()).name
    _run("busybox", "depmod", "-b", str(tree), release, cwd=scratch)
    return tree


def _run(*command: str, cwd: Path) -> str:
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=LONGEST, check=True
        )
    except FileNotFoundError:
        raise GuestMissing(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise GuestMissing(f"{' '.join(command)} took longer than {LONGEST} s") from None
    except subprocess.CalledProcessError as error:
        raise GuestMissing(f"{' '.join(command)} failed: {error.stderr.strip()}") from None
    return done.stdout


def module_files(kernel: Kernel, names: list[str]) -> list[Path]:
    """The files of modules with all that they depend on, in the order to load them.

    A module that is built into the kernel is left out.
    """
    wanted: dict[str, Path] = {}
    rows = (kernel.modules / "modules.dep").read_text().splitlines()
    table = {Path(row.partition(":")[0]).stem.replace("-", "_"): row for row in rows}
    for name in names:
        path, _, needed = table.get(name, "").partition(":")
        for row in [*reversed(needed.split()), path]:
            if row:
                wanted[row] = kernel.modules / row.removeprefix(f"/lib/modules/{kernel.release}/")
    return list(wanted.values())
