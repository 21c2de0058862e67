"""Files of the kernel by which root in a container would command the host.

They are opened for writing and never written: where a wall is missing, the host stays whole.
"""

from __future__ import annotations

import pytest

from tests.engines import Engine
from tests.root.escapes import attempt
from tests.root.runtime.driver import Driver, spec

_COMMANDS = [
    "/proc/sysrq-trigger",
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/sysrq",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/fs/binfmt_misc/register",
    "/proc/irq/default_smp_affinity",
    "/proc/kcore",
    "/proc/keys",
    "/proc/timer_list",
    "/sys/kernel/uevent_helper",
    "/sys/kernel/mm/ksm/run",
    "/sys/power/state",
    "/sys/module/kernel/parameters/panic",
]
_MASKED = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts", "/proc/sched_debug"]
_NULL = {"/proc/kcore", "/proc/keys", "/proc/timer_list"}
_RIGHTS = [[], ["--cap-drop", "ALL"], ["--cap-add", "DAC_OVERRIDE"], ["--cap-add", "SYS_PTRACE"]]


@pytest.mark.parametrize("rights", _RIGHTS, ids=" ".join)
def test_nothing_that_commands_the_kernel_opens(wherry: Engine, rights: list[str]) -> None:
    paths = [path for path in _COMMANDS if path not in _NULL]
    assert attempt.run(wherry, attempt.opened(paths), *rights).split() == ["done"]


def test_masked_files_are_the_null_device(wherry: Engine) -> None:
    script = "; ".join(f"[ ! -e {path} ] || stat -Lc '%t:%T' {path}" for path in _MASKED)
    found = attempt.run(wherry, f"{script}; cat {' '.join(_MASKED)} 2>/dev/null").split()
    assert found and set(found) == {"1:3"}


def test_masks_and_read_only_binds_cannot_be_lifted(wherry: Engine) -> None:
    """Neither by the rights of the container nor in a namespace made inside."""
    script = (
        "for p in /proc/sys /proc/keys /sys /sys/firmware; do"
        " umount $p; mount -o remount,rw,bind $p; mount -t proc proc $p; done;"
        "mkdir /p; mount -t proc proc /p; unshare -Urm true && echo ENTERED; true"
    )
    output = attempt.run(wherry, script)
    assert "ENTERED" not in output
    after = attempt.run(wherry, script + ";" + attempt.opened(["/proc/sys/kernel/core_pattern"]))
    assert "OPEN" not in after and "done" in after


def test_an_exec_finds_the_same_walls(wherry: Engine) -> None:
    paths = [path for path in _COMMANDS if path not in _NULL]
    with attempt.running(wherry, "sleep 1000") as name:
        found = wherry.output("exec", name, "sh", "-c", attempt.opened(paths))
        assert found == "done"


def test_without_read_only_paths_it_would_open(driver: Driver) -> None:
    """Shows that the attempt is one: the same script, a plan without the wall."""
    script = attempt.opened(["/proc/sys/kernel/core_pattern"])
    assert driver.run(spec("sh", "-c", script)).output.split() == ["done"]
    weakened = spec("sh", "-c", script)
    weakened["linux"]["readonlyPaths"] = []
    assert "OPEN /proc/sys/kernel/core_pattern" in driver.run(weakened).output
