"""AppArmor: which profile a container runs under, and the default one, made here and loaded.

Docker calls its default docker-default; that name means ours too, so that what was written for
Docker goes on. A profile that somebody unloads is loaded again at the next start.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.engine.containers.spec import securityopt
from wherry.errors import Unavailable
from wherry.kernel import lsm

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.engine.containers.config import HostConfig

DEFAULT: Final = "wherry-default"
_ALIASES: Final = (DEFAULT, "docker-default")
_ABI: Final = "/etc/apparmor.d/abi/3.0"
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_PATIENCE: Final = 60.0


@dataclass(slots=True)
class AppArmor:
    """The machine's AppArmor. The fields are for tests; `loaded` notes a load that is certain."""

    active: Callable[[], bool] = lsm.apparmor_active
    profiles: Callable[[], set[str]] = lsm.apparmor_profiles
    loaded: bool = False

    def usable(self) -> bool:
        """Whether containers get the default profile: the kernel enforces, and it can be loaded."""
        return self.active() and _parser() is not None

    def profile_of(self, host: HostConfig) -> str:
        """The profile for a container, "" where the kernel has no AppArmor."""
        asked = securityopt.of(host).apparmor
        if asked and asked not in _ALIASES:
            return asked if self.active() else ""
        if not self.usable():
            return ""
        return DEFAULT if asked or not host.privileged else securityopt.UNCONFINED

    def ensure(self, profile: str) -> None:
        """Load the default profile if that is meant and it is missing; blocks. Raises Unavailable.

        A profile of the user's is looked for by the kernel, at the container's exec.
        """
        if profile != DEFAULT:
            return
        try:
            if DEFAULT in self.profiles():
                return
        except OSError:  # securityfs is not mounted: load it once, not at every start
            if self.loaded:
                return
        _load(text(lsm.own_apparmor_profile()))
        self.loaded = True


def _parser() -> str | None:
    return shutil.which("apparmor_parser", path=_PATH)


def _load(profile: str) -> None:
    command = [_parser() or "apparmor_parser", "--quiet", "--skip-cache", "--replace"]
    try:
        done = subprocess.run(
            command, input=profile.encode(), capture_output=True, timeout=_PATIENCE, check=False
        )
        why = done.stderr.decode(errors="replace").strip()
        if not done.returncode:
            return
    except (OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    raise Unavailable(
        f"AppArmor enabled on system but the {DEFAULT} profile could not be loaded: {why}",
        hint="run with --security-opt apparmor=unconfined to do without",
    )


def text(daemon: str, abi: bool | None = None) -> str:
    """The default profile; `daemon` is the profile of the processes that send signals to it.

    Its rules are those of Docker's: everything that a container's capabilities and masks leave,
    less mounts, the host's settings in /proc and /sys, kernel memory, and AF_ALG sockets. Globs
    name what is denied by its first letters, since AppArmor has no "all but" (apparmor.d(5)).
    `abi`: whether to pin the version of the rules, None to look whether the machine knows it.
    """
    pinned = os.path.exists(_ABI) if abi is None else abi
    return "\n".join(
        [
            *(["abi <abi/3.0>,"] if pinned else []),
            f'profile "{DEFAULT}" flags=(attach_disconnected,mediate_deleted) {{',
            *_ALLOWED,
            *(f'  signal (receive) peer="{name}",' for name in _senders(daemon)),
            f'  signal (send,receive) peer="{DEFAULT}",',
            f'  ptrace (trace,tracedby,read,readby) peer="{DEFAULT}",',
            *(f"  deny {path} {access}," for path, access in _DENIED),
            "}\n",
        ]
    )


def _senders(daemon: str) -> list[str]:
    return sorted({"unconfined", "runc", "crun", daemon})


_ALLOWED: Final = (
    "  capability,",
    "  file,",
    "  network,",
    "  unix,",
    "  umount,",
    "  deny network alg,",
    "  deny mount,",
)
_WRITING: Final = "wklx"
_ANYTHING: Final = "rwklx"
_DENIED: Final = (
    # /proc: a container writes to processes' directories and to kernel.shm*, to nothing else.
    ("/proc/*", "w"),
    ("/proc/[^0-9s]*/**", "w"),
    ("/proc/s[^y]*/**", "w"),
    ("/proc/sy[^s]*/**", "w"),
    ("/proc/sys[^/]*/**", "w"),
    ("/proc/sys/[^k]**", "w"),
    ("/proc/sys/k[^e]**", "w"),
    ("/proc/sys/kernel/[^s]**", "w"),
    ("/proc/sys/kernel/s[^h]**", "w"),
    ("/proc/sys/kernel/sh[^m]**", "w"),
    ("/proc/sysrq-trigger", _ANYTHING),
    ("/proc/kcore", _ANYTHING),
    # /sys: cgroups alone can be written, where they are mounted so.
    ("/sys/[^f]*/**", _WRITING),
    ("/sys/f[^s]*/**", _WRITING),
    ("/sys/fs/[^c]*/**", _WRITING),
    ("/sys/fs/c[^g]*/**", _WRITING),
    ("/sys/firmware/**", _ANYTHING),
    ("/sys/devices/virtual/powercap/**", _ANYTHING),
    ("/sys/kernel/security/**", _ANYTHING),
)
