"""The guest's root disk: this machine's Python, busybox, AppArmor's parser, kernel modules.

Made once per version of what is in it. What changes with every edit, Wherry and its tests, comes
with the RAM disk instead (`ramdisk.py`).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.guest.vm.kernel import GuestMissing, Kernel, package

FORMAT = 3
"""Goes up whenever the layout of the disk changes, so that no old one is used."""
SIZE = "2G"
PACKAGES = (
    "h11",
    "hypothesis",
    "isal",
    "zstandard",
    "pytest",
    "pytest-asyncio",
    "pytest-timeout",
    "pytest-xdist",
)
"""Python packages for the guest, with all that they require."""
LEFT_OUT = ("test", "idlelib", "tkinter", "lib2to3", "ensurepip", "*-packages", "config-*")
"""Parts of the standard library that nothing here imports."""
EMPTY = ("dev", "proc", "sys", "run", "tmp", "root", "etc", "var/lib", "var/tmp", "mnt", "home")


def disk(cache: Path, kernel: Kernel) -> Path:
    """An ext4 image; the guest must not write to the file itself. Raises GuestMissing."""
    image = cache / f"root-{_key(kernel)}.ext4"
    if image.exists():
        return image
    if shutil.which("mke2fs") is None or shutil.which("busybox") is None:
        raise GuestMissing("mke2fs (e2fsprogs) or busybox (busybox-static) is not installed")
    for old in cache.glob("root-*.ext4"):
        old.unlink()
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        tree = Path(scratch) / "tree"
        _fill(tree, kernel, package(cache, "apparmor"))
        partial = Path(scratch) / "partial"
        options = ["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0"]
        subprocess.run(["mke2fs", *options, "-d", tree, partial, SIZE], check=True)
        partial.rename(image)
    return image


def _key(kernel: Kernel) -> str:
    """Names everything that the disk is made of."""
    packages = [f"{item.name} {item.version}" for item in _distributions(PACKAGES)]
    text = "\n".join([str(FORMAT), kernel.release, sys.version, _interpreter(), *packages])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _fill(tree: Path, kernel: Kernel, apparmor: Path) -> None:
    for name in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", *EMPTY):
        (tree / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (tree / name).symlink_to(f"usr/{name}")
    _add_python(tree)
    site = _site_directory()
    for distribution in _distributions(PACKAGES):
        _add_distribution(tree / site.lstrip("/"), distribution)
    (tree / site.lstrip("/") / "wherry.pth").write_text("/wherry/src\n")
    shutil.copy2(apparmor / "sbin/apparmor_parser", tree / "usr/sbin")  # needs the C library only
    for part in ("etc/apparmor", "etc/apparmor.d/abi", "usr/share/apparmor-features"):
        shutil.copytree(apparmor / part, tree / part)
    _add_libraries(tree)
    _add_busybox(tree)
    shutil.copytree(kernel.modules, tree / "usr/lib/modules" / kernel.release, symlinks=True)
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (tree / "etc/group").write_text("root:x:0:\n")
    (tree / "tmp").chmod(0o1777)


def _interpreter() -> str:
    """The real interpreter below the virtual environment and its links."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def _add_python(tree: Path) -> None:
    executable = _interpreter()
    inside = tree / executable.lstrip("/")
    inside.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(executable, inside)
    python3 = tree / "usr/bin/python3"
    if not python3.exists():
        python3.symlink_to(executable)
    library = sysconfig.get_path("stdlib")
    ignored = shutil.ignore_patterns(*LEFT_OUT)
    shutil.copytree(library, tree / library.lstrip("/"), symlinks=True, ignore=ignored)


def _site_directory() -> str:
    """Where the interpreter itself looks for packages, outside any virtual environment."""
    question = "import site; print(site.getsitepackages()[0])"
    done = subprocess.run(
        [_interpreter(), "-I", "-c", question], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _distributions(names: Iterable[str]) -> list[importlib.metadata.Distribution]:
    """Installed packages and all that they require here. Raises GuestMissing."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            raise GuestMissing(f"the Python package {name} is not installed") from None
        waiting += _required(found[name])
    return [found[name] for name in sorted(found)]


def _required(distribution: importlib.metadata.Distribution) -> Iterator[str]:
    """Names of what is required and installed; one for another system or an extra is neither."""
    for row in distribution.requires or ():
        name = re.split(r"[^\w.-]", row, maxsplit=1)[0]
        if "extra ==" in row:
            continue
        try:
            importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        yield name


def _add_distribution(site: Path, distribution: importlib.metadata.Distribution) -> None:
    for file in distribution.files or ():
        if ".." in file.parts:
            continue  # a script beside the interpreter
        source = Path(str(distribution.locate_file(file)))
        if source.is_file():
            target = site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def _add_libraries(tree: Path) -> None:
    """What the dynamic loader will look for: every library that ldd(1) names."""
    binaries = [str(path) for path in tree.rglob("*.so*") if path.is_file()]
    binaries.append(str(tree / _interpreter().lstrip("/")))
    listed = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=False)
    for library in sorted(set(re.findall(r"(/\S+) \(0x", listed.stdout))):
        if library.startswith(str(tree)):
            continue
        directory, name = os.path.split(library)
        target = tree / os.path.realpath(directory).lstrip("/") / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy2(os.path.realpath(library), target)


def _add_busybox(tree: Path) -> None:
    source = shutil.which("busybox")
    assert source is not None
    shutil.copy2(os.path.realpath(source), tree / "usr/bin/busybox")
    applets = subprocess.run([source, "--list"], capture_output=True, text=True, check=True)
    for name in applets.stdout.split():
        link = tree / "usr/bin" / name
        if not os.path.lexists(link):
            link.symlink_to("busybox")
