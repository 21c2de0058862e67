"""Configurations that hypothesis writes, run for real: the launcher lives on, nothing leads out.

The image is full of links to a directory of the host, and mounts, masks, devices and the working
directory go through them. WHERRY_LONG=1 tries for long.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.root.image.test_fuzz import state
from tests.root.runtime.driver import MASKED, MOUNTS, READ_ONLY, Driver, Result, spec
from wherry.runtime.mount_options import ATTRIBUTES, PROPAGATION
from wherry.spec import runtime_checks

LONG = os.environ.get("WHERRY_LONG") == "1"
EXAMPLES = 8000 if LONG else 60
pytestmark = pytest.mark.timeout(7200 if LONG else 180)

NAMES = ["a", "etc", "dev", "proc", "sys", "tmp", "..", ".", "", "self", "root", "fd", "3", "null",
         "out", "up", "magic", "file", "loop", "pts", "victim", "sub", "new",
         "n" * 256]  # fmt: skip
PATHS = st.one_of(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=5).map(lambda all: "/" + "/".join(all)),
    st.sampled_from(["", "relative", "/", "//", "/\0", "/dev/null", "/proc/self/root/etc",
                     "/proc/1/cwd", "/dev/fd/3", "/out/victim", "/up/sub", "/magic/out"]),
)  # fmt: skip
WORDS = st.sampled_from(
    ["bind", "rbind", "size=1m", "size=x", "mode=755", "mode=9", "nosuch", "idmap", "ridmap",
     "tmpcopyup", "copyup", "upperdir=/tmp", "nr_inodes=10", *ATTRIBUTES, *PROPAGATION]
)  # fmt: skip
MOUNT = st.fixed_dictionaries(
    {
        "destination": PATHS,
        "type": st.sampled_from(["bind", "tmpfs", "proc", "sysfs", "devpts", "mqueue", "cgroup",
                                 "none", "nosuchfs"]),
        "source": st.sampled_from(["@SOURCE@", "@SOURCE@/file", "tmpfs", "/no/such/place", ""]),
        "options": st.lists(WORDS, max_size=4),
    }
)  # fmt: skip
DEVICE = st.fixed_dictionaries(
    {"path": PATHS, "type": st.sampled_from(["c", "b", "p", "u", "x"])},
    optional={"major": st.sampled_from([1, 5, 10]), "minor": st.sampled_from([3, 0, 229]),
              "fileMode": st.sampled_from([0o666, 0, 0o7777]), "uid": st.integers(0, 5)},
)  # fmt: skip
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "mounts": st.lists(MOUNT, max_size=4),
        "first": st.booleans(),
        "maskedPaths": st.lists(PATHS, max_size=3),
        "readonlyPaths": st.lists(PATHS, max_size=3),
        "devices": st.lists(DEVICE, max_size=2),
        "cwd": PATHS,
        "args": st.lists(PATHS, min_size=1, max_size=2),
        "hostname": st.text(max_size=80),
        "user": st.fixed_dictionaries(
            {}, optional={"uid": st.sampled_from([0, 1, 2**31, 2**32 - 2]),
                          "umask": st.sampled_from([0, 0o777])},
        ),
        "rlimits": st.lists(
            st.fixed_dictionaries({"type": st.sampled_from(["RLIMIT_NOFILE", "RLIMIT_AS"]),
                                   "soft": st.integers(0, 99), "hard": st.integers(0, 99)}),
            max_size=1,
        ),
        "readonly": st.booleans(),
    },
)  # fmt: skip


def written(changes: dict[str, Any], source: Path) -> dict[str, Any]:
    """A configuration with the changes; those of mounts before or behind the usual ones."""
    made = spec(*changes.get("args", ["true"]), cwd=changes.get("cwd", "/"))
    made["process"]["user"] = changes.get("user", {})
    made["process"]["rlimits"] = changes.get("rlimits", [])
    own = [{**mount, "source": mount["source"].replace("@SOURCE@", str(source))}
           for mount in changes.get("mounts", [])]  # fmt: skip
    made["mounts"] = [*own, *MOUNTS] if changes.get("first") else [*MOUNTS, *own]
    made["linux"]["maskedPaths"] = [*MASKED, *changes.get("maskedPaths", [])]
    made["linux"]["readonlyPaths"] = [*READ_ONLY, *changes.get("readonlyPaths", [])]
    made["linux"]["devices"] = changes.get("devices", [])
    made["hostname"] = changes.get("hostname", "box")
    made["root"] = {"path": "rootfs", "readonly": changes.get("readonly", False)}
    made["ociVersion"] = "1.2.0"
    return made


def set_traps(rootfs: Path, outside: Path) -> None:
    """Links in the image that lead to the host, if somebody follows them there."""
    links = {
        "out": str(outside),
        "up": "../" * 20 + str(outside).lstrip("/"),
        "magic": "/proc/self/root",
        "loop": "loop",
        "a": "/proc/1/root",
        "tmp/out": str(outside / "sub"),
        "etc/victim": str(outside / "victim"),
        "dev/null": str(outside / "victim"),
        "dev/pts": str(outside / "sub"),
    }
    for name, target in links.items():
        (rootfs / name).symlink_to(target)
    (rootfs / "file").write_text("")


def test_configurations(driver: Driver, tmp_path: Path) -> None:
    outside, source = tmp_path / "outside", tmp_path / "source"
    (outside / "sub").mkdir(parents=True)
    (outside / "victim").write_bytes(b"whole")
    source.mkdir()
    (source / "file").write_bytes(b"source")
    set_traps(driver.rootfs, outside)
    launcher, results = driver.launcher.pid, list[Result]()
    mounts = Path("/proc/self/mountinfo").read_text().count(str(tmp_path))

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(changes=CHANGES)
    def attempt(changes: dict[str, Any]) -> None:
        before = state(outside)  # what is bound is the container's to change
        made = written(changes, source)
        if next(runtime_checks.problems(made), None) is not None:
            return
        try:
            results.append(driver.run(made, rootfs=driver.overlay("layer")))
        except (ValueError, OSError) as error:
            assert str(error)  # judged before anything was sent
        finally:
            shutil.rmtree(tmp_path / "layer", ignore_errors=True)
        assert driver.launcher.poll() is None and driver.launcher.pid == launcher
        assert state(outside) == before

    attempt()
    assert [each for each in results if not each.error], "nothing ever started"
    assert [each for each in results if each.error], "nothing was ever refused"
    assert driver.run(spec("echo", "alive")).output == "alive\n"
    assert Path("/proc/self/mountinfo").read_text().count(str(tmp_path)) == mounts
