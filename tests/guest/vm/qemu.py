"""One boot of the guest: QEMU in its pure software mode, from power-on to power-off."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.guest.vm import ramdisk
from tests.guest.vm.disk import disk
from tests.guest.vm.kernel import GuestMissing, kernel
from tests.guest.vm.policy import policy
from tests.images import cache_directory, locked

QEMU = "qemu-system-x86_64"
LONG = "WHERRY_LONG=1" if os.environ.get("WHERRY_LONG") else ""
LONGEST = 3600 if LONG else 900
"""Seconds after which a guest is taken for hung and ended."""
COMMAND_LINE = (
    "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on cgroup_no_v1=all"
    f" WHERRY_GUEST=1 {LONG}"  # the kernel puts words that it does not know into init's environment
)

_SELINUX = "security=selinux selinux=1 enforcing=1"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of the guest: pytest's reports by node id, and the console's text."""

    reports: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    console: str = ""


def run(arguments: Sequence[str], *, selinux: bool = False) -> Outcome:
    """Boot, run pytest with `arguments` (relative to the repository) inside, power off.

    `selinux`: with a policy of SELinux that is enforced, instead of AppArmor's profiles. Raises
    GuestMissing.
    """
    if os.uname().machine != "x86_64":
        raise GuestMissing("the guest is one of x86_64")
    if shutil.which(QEMU) is None:
        raise GuestMissing(f"{QEMU} (Debian: qemu-system-x86) is not installed")
    cache = cache_directory() / "guest"
    cache.mkdir(exist_ok=True)
    with locked(cache / "lock"):
        chosen = kernel(cache)
        root = disk(cache, chosen)
    with tempfile.TemporaryDirectory(prefix="wherry-guest-") as name:
        here = Path(name)
        ramdisk.write(here / "ramdisk", chosen, arguments, policy(cache, here) if selinux else b"")
        _boot(_command(chosen.image, root, here, _SELINUX if selinux else ""), here)
        reports, broken = _sorted(_messages(here / "reports"))
        console = (here / "console").read_text(errors="replace")
        if keep := os.environ.get("WHERRY_GUEST_CONSOLE"):
            Path(keep).write_text(console)
        return Outcome(reports, broken, console)


def _command(image: Path, root: Path, here: Path, words: str) -> list[str]:
    drive = f"file={root},format=raw,if=virtio,snapshot=on,cache=unsafe"
    return [
        QEMU,
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-machine", "pc,accel=tcg", "-cpu", "max,la57=off", "-smp", "2", "-m", "1536",
        "-kernel", str(image), "-initrd", str(here / "ramdisk"),
        "-append", f"{COMMAND_LINE} {words}",
        "-drive", drive,
        "-serial", f"file:{here / 'console'}", "-serial", f"file:{here / 'reports'}",
    ]  # fmt: skip


def _boot(command: list[str], here: Path) -> None:
    """Returns when the guest has powered itself off or its time is over."""
    # The snapshot's scratch file, which QEMU makes and unlinks, belongs beside the rest.
    environment = os.environ | {"TMPDIR": str(here)}
    machine = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    )
    try:
        _, stderr = machine.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        stderr = b""
    finally:
        machine.kill()
        machine.wait()
    if not (here / "console").exists():
        raise GuestMissing(f"{QEMU} does not start: {stderr.decode().strip()}")


def _messages(path: Path) -> Iterator[dict[str, Any]]:
    """What the guest reported; a last line that was cut off is passed over."""
    for line in path.read_bytes().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def _sorted(
    messages: Iterator[dict[str, Any]],
) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
    reports: dict[str, list[dict[str, Any]]] = {}
    broken = []
    for message in messages:
        if "broken" in message:
            broken.append(message["broken"])
        else:
            report = message["report"]
            reports.setdefault(report["nodeid"], []).append(report)
    return reports, broken
