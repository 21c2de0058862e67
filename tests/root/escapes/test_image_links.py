"""CVE-2025-31133, 2025-52565, 2025-52881: an image whose /dev and /proc are links to elsewhere.

The runtime mounts over these paths, or binds them elsewhere; a link that it followed would make it
mask nothing, or write to a file of the host's kernel.
"""

from __future__ import annotations

import pytest

from tests.engines import Engine
from tests.root.escapes import attempt

_WALLS = ["/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity"]
_LINKS = {
    "dev/null": "/proc/sys/kernel/core_pattern",
    "dev/console": "/proc/sysrq-trigger",
    "dev/pts": "/proc/sys",
    "dev/ptmx": "/proc/sys/kernel/core_pattern",
    "dev/shm": "/proc/sys",
    "dev/mqueue": "/proc/sys/fs",
    "dev": "/proc/sys",
    "sys": "/proc/sys",
    "etc/hosts": "/proc/sys/kernel/core_pattern",
    "etc/resolv.conf": "../../../../../proc/sysrq-trigger",
    "etc/hostname": "/proc/self/fd/3",
}
_PROBE = attempt.opened(_WALLS)


@pytest.mark.parametrize("name", _LINKS)
@pytest.mark.parametrize("terminal", [[], ["--tty"]], ids=["plain", "terminal"])
def test_link_in_the_image(wherry: Engine, name: str, terminal: list[str]) -> None:
    """The container starts with every wall, or it does not start."""
    with attempt.trapped_image(wherry, attempt.link(name, _LINKS[name])) as image:
        words = ("run", "--rm", "--network", "none", *terminal, image, "sh", "-c", _PROBE)
        done = wherry.docker(*words)
    if done.returncode < 125:
        assert done.stdout.split() == [b"done"], done
    else:
        assert b"OPEN" not in done.stdout, done


@pytest.mark.parametrize("target", ["/tmp", "/sys", "/etc", "self"])
def test_proc_is_a_link(wherry: Engine, target: str) -> None:
    """CVE-2019-19921: then what is written to /proc/self/attr by the runtime lands elsewhere."""
    with attempt.trapped_image(wherry, attempt.link("proc", target)) as image:
        words = ("run", "--rm", "--network", "none", image, "sh", "-c", _PROBE)
        done = wherry.docker(*words)
    assert done.returncode >= 125 or done.stdout.split() == [b"done"], done


def test_volume_over_proc_is_refused(wherry: Engine) -> None:
    """CVE-2025-52881: a mount of the user's in /proc would catch the runtime's own writes."""
    for target in ("/proc", "/proc/self/attr", "/proc/sys/kernel", "/proc/sysrq-trigger"):
        words = ("run", "--rm", "--network", "none", "--volume", f"/etc:{target}", "busybox")
        done = wherry.docker(*words, "true")
        assert done.returncode >= 125, (target, done)


def test_masks_hold_in_a_volume_of_dev(wherry: Engine) -> None:
    """A /dev of the user's, whose null is a plain file, is never what masks are made of."""
    with attempt.running(wherry, "sleep 1000", "--volume", "/v") as name:
        wherry.output("exec", name, "sh", "-c", "mkdir -p /v/pts /v/shm /v/mqueue; echo x >/v/null")
        source = wherry.output("inspect", "-f", "{{(index .Mounts 0).Source}}", name)
        words = ("run", "--rm", "--network", "none", "--volume", f"{source}:/dev", "busybox")
        done = wherry.docker(*words, "cat", "/proc/keys")
    assert done.returncode >= 125, done
    assert b"is not the null device" in done.stderr, done
