"""Escapes that work on a launcher without the check, and on the whole one do not.

Each test takes one check out of a launcher of its own and lets the attack reach what the test has
put there for it; nothing of the host is touched.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.root.runtime.driver import SETS, Driver, spec
from tests.root.runtime.test_escape import bring_python
from wherry.kernel.capability import NAMES

Drivers = Callable[..., Driver]

_FOLLOWS_MAGIC_LINKS = """
import os
from wherry.runtime.steps import directory, filesystem, hide
def opened(path, flags=0):
    return os.open(path, os.O_PATH | flags & ~os.O_NOFOLLOW)
directory.open_path = filesystem.open_path = hide.open_path = opened
"""
_LEAKS = """
import os
os.set_inheritable(os.dup2(os.open({directory!r}, os.O_RDONLY), 200), True)
"""
_WRITABLE_INTERPRETER = """
from wherry.runtime import own_executable
own_executable.is_read_only = lambda: True
"""
_TRUSTS_NULL = """
from wherry.runtime.steps import hide
hide.is_node = lambda *_: True
"""
_MOUNTS_OVER_PROC = """
from wherry.runtime.steps import bind
bind._check_proc = lambda *_: None
"""


def test_start_in_a_leaked_directory(drivers: Drivers, tmp_path: Path) -> None:
    """CVE-2024-21626. The descriptor is leaked on purpose in both launchers."""
    (tmp_path / "secret").write_text("host")
    leak = _LEAKS.format(directory=str(tmp_path))
    inside = spec("cat", "secret", cwd="/proc/self/fd/200")
    assert drivers(weakened=leak + _FOLLOWS_MAGIC_LINKS).run(inside).output == "host"
    refused = drivers(weakened=leak).run(inside)
    assert "chdir to cwd" in refused.error["text"]


def _take(driver: Driver) -> str:
    """Hold our interpreter open from inside; write when nobody executes it any more."""
    bring_python(driver)
    (driver.rootfs / "bin/evil").symlink_to("/proc/self/exe")
    script = (
        "import os; fd = os.open('/proc/self/exe', os.O_RDONLY); os.dup2(fd, 9); "
        "os.execv('/bin/sh', ['sh', '-c', 'read go; echo taken >/proc/self/fd/9'])"
    )
    everything = {name: list(NAMES) for name in SETS}
    container = driver.start(spec("/bin/evil", "-IS", "-c", script, capabilities=everything))
    assert not container.error, container.error
    while not Path(f"/proc/{container.pid}/cmdline").read_bytes().startswith(b"sh\0"):
        time.sleep(0.01)
    driver.close_launcher()
    return container.finish(b"go\n").stderr


@pytest.mark.parametrize("weakened", ["", _WRITABLE_INTERPRETER], ids=["whole", "weakened"])
def test_the_runtime_is_overwritten(drivers: Drivers, tmp_path: Path, weakened: str) -> None:
    """CVE-2019-5736, with a copy of the interpreter for each launcher to lose."""
    copy = tmp_path / "python"
    shutil.copy(os.path.realpath(sys.executable), copy)
    said = _take(drivers(weakened=weakened, interpreter=str(copy)))
    if weakened:
        assert copy.read_bytes() == b"taken\n"
    else:
        assert "Read-only file system" in said
        assert copy.read_bytes() == Path(os.path.realpath(sys.executable)).read_bytes()


def test_a_mask_is_made_of_the_attacker_s_file(drivers: Drivers, tmp_path: Path) -> None:
    """CVE-2025-31133: what is bound over a hidden file is the null of a /dev of the user's."""
    dev = tmp_path / "dev"
    for name in ("pts", "shm", "mqueue"):
        (dev / name).mkdir(parents=True)
    (dev / "null").write_text("shown")
    wanted = spec("cat", "/proc/keys")
    mount = {"type": "bind", "source": str(dev), "destination": "/dev", "options": ["bind"]}
    kept = [row for row in wanted["mounts"] if not row["destination"].startswith("/dev")]
    wanted["mounts"] = [*kept, mount]
    assert drivers(weakened=_TRUSTS_NULL).run(wanted).output == "shown"
    assert "is not the null device" in drivers().run(wanted).error["text"]


def test_proc_is_mounted_where_the_image_leads(drivers: Drivers) -> None:
    """CVE-2019-19921: then masks and labels go to files of the image's owner."""
    whole, weak = drivers(), drivers(weakened=_FOLLOWS_MAGIC_LINKS)
    for driver in (whole, weak):
        (driver.rootfs / "proc").rmdir()
        (driver.rootfs / "proc").symlink_to("tmp")
    wanted = spec("cat", "/tmp/1/comm")
    assert weak.run(wanted).output == "cat\n"
    assert whole.run(wanted).error["step"] == "mount"


def test_a_volume_covers_what_the_runtime_writes_to(drivers: Drivers, tmp_path: Path) -> None:
    """CVE-2025-52881: a file of the user's in the place of one of the kernel's."""
    (tmp_path / "mine").write_text("mine")
    wanted = spec("cat", "/proc/1/attr/current")
    mine = {"type": "bind", "source": str(tmp_path / "mine"), "options": ["bind"]}
    wanted["mounts"].append({**mine, "destination": "/proc/1/attr/current"})
    assert drivers(weakened=_MOUNTS_OVER_PROC).run(wanted).output == "mine"
    assert "inside /proc" in drivers().run(wanted).error["text"]
