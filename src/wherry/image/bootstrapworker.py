"""The bootstrap worker: runs debootstrap on a tmpfs in mount and pid namespaces of its own.

Started by `image.bootstrap` as `python -IS -c BOOT <sys.path> <marshalled job as hex>`. It writes
the root file system as a tar to descriptor 1 and debootstrap's messages to descriptor 2. When it,
or whoever started it, is killed, the kernel ends every process in it and drops the tmpfs: nothing
is left, on disk or mounted.
"""

from __future__ import annotations

import glob
import marshal
import os
import re
import shutil
import subprocess
import sys
from typing import Any

from wherry.image import tarwriter
from wherry.kernel.mount import MS_PRIVATE, MS_REC, mount
from wherry.kernel.namespace import CLONE_NEWNS, CLONE_NEWPID, unshare
from wherry.kernel.process import set_pdeathsig
from wherry.storage.merged import MergedTree

_KILL = 9
_PLACES = ("/dev/shm", "/mnt")
"""Where the tmpfs may go: nothing that debootstrap reads (a mirror, a cache) lies below them."""
_FAILED = 3

_RUBBISH = (
    "boot/*",
    "debootstrap",
    "dev/*",
    "etc/*-",
    "etc/hostname",
    "etc/resolv.conf",
    "proc/*",
    "root/.*",
    "run/*",
    "sys/*",
    "tmp/*",
    "var/cache/apt/*.bin",
    "var/cache/apt/archives/*.deb",
    "var/cache/apt/archives/partial/*",
    "var/cache/debconf/*-old",
    "var/cache/ldconfig/*",
    "var/lib/apt/lists/*",
    "var/lib/dbus/machine-id",
    "var/lib/dpkg/*-old",
    "var/lib/systemd/random-seed",
    "var/log/*",
    "var/tmp/*",
)
"""What a first boot, a package run or the host left that an image must not carry."""

_KEPT = ("root/.bashrc", "root/.profile", "var/log/apt")

_POLICY = b"#!/bin/sh\n# No init runs in a container: packages must not start services.\nexit 101\n"
_APT = b"""\
// An image keeps neither downloaded packages nor their indexes.
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
Apt::AutoRemove::SuggestsImportant "false";
"""
_DPKG = b"# A layer is all or nothing anyway.\nforce-unsafe-io\n"


def main() -> None:
    """Do the job named on the command line; exit status _FAILED where debootstrap said no."""
    set_pdeathsig(_KILL)
    job = marshal.loads(bytes.fromhex(sys.argv[2]))
    unshare(CLONE_NEWNS | CLONE_NEWPID)
    child = os.fork()
    if child:
        os.close(1)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    set_pdeathsig(_KILL)
    os._exit(_work(job))


def _work(job: dict[str, Any]) -> int:
    mount("", "/", "", MS_REC | MS_PRIVATE)
    mount("proc", "/proc", "proc")
    place = next(path for path in _PLACES if os.path.isdir(path))
    mount("tmpfs", place, "tmpfs", 0, "mode=0755,size=80%")
    target = f"{place}/root"
    os.mkdir(target, 0o755)
    done = subprocess.run(
        [*job["command"], job["suite"], target, job["mirror"]],
        stdout=2,
        env=job["environment"],
        check=False,
    )
    if done.returncode:
        _show_log(target)
        return _FAILED
    _finish(target, job)
    with MergedTree([target]) as view:
        for portion in tarwriter.whole(view, clamp=job["epoch"]):
            _write(portion)
    return 0


def _show_log(target: str) -> None:
    """debootstrap's own account of a failure, its last lines."""
    path = f"{target}/debootstrap/debootstrap.log"
    if os.path.exists(path):
        with open(path, "rb") as file:
            os.write(2, b"\n".join(file.read().splitlines()[-10:]) + b"\n")


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def _finish(target: str, job: dict[str, Any]) -> None:
    _clean(target)
    files = {
        "etc/machine-id": (b"", 0o644),
        "etc/apt/sources.list": (job["sources"].encode(), 0o644),
        "etc/apt/apt.conf.d/50container": (_APT, 0o644),
        "etc/dpkg/dpkg.cfg.d/50container": (_DPKG, 0o644),
        "usr/sbin/policy-rc.d": (_POLICY, 0o755),
    }
    for name, (content, mode) in files.items():
        path = os.path.join(target, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
    if job["epoch"] is not None:
        _clamp_shadow(target, job["epoch"])


def _clean(target: str) -> None:
    """Remove the rubbish; a directory that is kept loses what is in it."""
    kept = {os.path.join(target, name) for name in _KEPT}
    for pattern in _RUBBISH:
        for path in glob.glob(os.path.join(target, pattern)):
            if os.path.basename(path) in (".", ".."):
                continue
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
                if path in kept:
                    os.mkdir(path, 0o755)
            elif path not in kept:
                os.unlink(path)


def _clamp_shadow(target: str, epoch: int) -> None:
    """The third field of /etc/shadow is the day a password was changed: the day of the build."""
    path = f"{target}/etc/shadow"
    day = str(epoch // 86400)
    if os.path.exists(path):
        with open(path, "r+", encoding="utf-8") as file:
            text = re.sub(r"^([^:\n]*:[^:\n]*):\d+:", rf"\g<1>:{day}:", file.read(), flags=re.M)
            file.seek(0)
            file.truncate()
            file.write(text)
