"""Ways out of a container that were found in other runtimes, each tried on ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.root.runtime.driver import SETS, Driver, spec
from tests.root.runtime.test_join import process
from wherry.kernel.capability import NAMES


def test_launcher_runs_from_a_read_only_mount_and_is_not_dumpable(driver: Driver) -> None:
    driver.run(spec("true"))
    exe = f"/proc/{driver.launcher.pid}/exe"
    assert os.statvfs(exe).f_flag & os.ST_RDONLY
    try:
        os.close(os.open(exe, os.O_WRONLY))
        raise AssertionError("the interpreter could be opened for writing")
    except OSError as error:
        assert error.errno in (26, 30)  # ETXTBSY, EROFS
    # The files of a process that is not dumpable belong to root, whoever it is.
    assert Path(f"/proc/{driver.launcher.pid}/environ").stat().st_uid == 0


def bring_python(driver: Driver) -> None:
    """Put what the host's interpreter needs at run time into the image."""
    if shutil.which("ldd") is None:
        pytest.skip("needs ldd (package libc-bin)")
    needed = subprocess.run(
        ["ldd", os.path.realpath(sys.executable)], capture_output=True, text=True
    )
    library = sysconfig.get_path("stdlib")
    for word in needed.stdout.split():
        if word.startswith("/"):
            place = driver.rootfs / word.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(word, place)
    for name in ("encodings", "collections", "re"):
        shutil.copytree(f"{library}/{name}", f"{driver.rootfs}{library}/{name}")
    for path in Path(library).glob("*.py"):
        shutil.copy(path, f"{driver.rootfs}{path}")


def test_the_image_may_execute_our_interpreter_but_not_overwrite_it(driver: Driver) -> None:
    """CVE-2019-5736: the program is /proc/self/exe, so the runtime itself runs in the container."""
    bring_python(driver)
    (driver.rootfs / "bin/evil").symlink_to("/proc/self/exe")
    script = (
        "import os\n"
        "print(os.statvfs('/proc/self/exe').f_flag & os.ST_RDONLY)\n"
        "try: os.open('/proc/self/exe', os.O_WRONLY); print('open')\n"
        "except OSError as e: print(e.errno)\n"
    )
    everything = {name: list(NAMES) for name in SETS}
    result = driver.run(spec("/bin/evil", "-IS", "-c", script, capabilities=everything))
    assert result.output.split() in (["1", "26"], ["1", "30"]), result  # ETXTBSY, EROFS


def test_host_root_cannot_be_reached_through_the_working_directory(driver: Driver) -> None:
    """CVE-2024-21626: a leaked descriptor as working directory."""
    for number in range(3, 16):
        result = driver.run(spec("cat", "/proc/1/cgroup", cwd=f"/proc/self/fd/{number}"))
        assert result.error, number
    running = driver.start(spec("sleep", "1000"))
    for number in range(3, 16):
        wanted = process("true", cwd=f"/proc/self/fd/{number}")
        assert driver.exec(running, wanted).error, number
    running.kill()
    running.finish()


def test_old_root_is_gone(driver: Driver) -> None:
    result = driver.run(spec("sh", "-c", "cat /proc/1/mountinfo; ls /.. /../../.."))
    assert "/stage" not in result.output
    assert str(driver.directory) not in result.output.replace(f"={driver.directory}", "")


def test_masks_hold_where_dev_is_foreign(driver: Driver, tmp_path: Path) -> None:
    """CVE-2025-31133: masking files with a /dev/null that is something else."""
    (tmp_path / "null").write_text("not a device")
    (tmp_path / "pts").mkdir()
    (tmp_path / "shm").mkdir()
    (tmp_path / "mqueue").mkdir()
    wanted = spec("cat", "/proc/keys")
    wanted["mounts"][1] = {
        "destination": "/dev", "type": "bind", "source": str(tmp_path), "options": ["rbind"]
    }  # fmt: skip
    assert "is not the null device" in driver.run(wanted).error["text"]


def test_proc_as_a_link_of_the_image(driver: Driver) -> None:
    """CVE-2019-19921 and CVE-2023-27561: /proc is a link to somewhere in a volume."""
    (driver.rootfs / "proc").rmdir()
    (driver.rootfs / "proc").symlink_to("/tmp")
    assert driver.run(spec("true")).error["step"] == "mount"


def test_environment_cannot_reach_the_runtime(driver: Driver) -> None:
    wanted = spec("env", env=["PATH=/bin", "PYTHONPATH=/x", "LD_PRELOAD=/x.so"])
    assert driver.run(wanted).output.splitlines() == [
        "PATH=/bin", "PYTHONPATH=/x", "LD_PRELOAD=/x.so", "HOME=/root",
    ]  # fmt: skip
