"""What the process gives up: its ids, capabilities, privileges to come, system calls, descriptors.

The order is forced. The bounding set needs CAP_SETPCAP, so it shrinks before the ids change; the
permitted set survives that change by PR_SET_KEEPCAPS; a seccomp filter without no_new_privs needs
CAP_SYS_ADMIN, so the other sets shrink behind it.
"""

from __future__ import annotations

import os

from wherry.kernel import capability, lsm, process
from wherry.kernel import seccomp as kernel_seccomp
from wherry.kernel.fd import close_from
from wherry.runtime.failure import Failure, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.runtime.start import Child

_ENOENT = 2
_FIRST_DESCRIPTOR = 3


def identity(child: Child, bounding: int) -> None:
    """Shrink the bounding set, then become the user with all permitted capabilities still held."""
    capability.drop_bounding(bounding)
    uid, gid, groups = child.ids
    process.set_keepcaps(True)
    try:
        process.set_ids(uid, gid, groups)
    except OSError as error:
        why = reason(error.errno or 0)
        text = f"becoming user {uid}, group {gid}: {why}"
        raise Failure(error.errno or 0, text) from None
    if uid:  # leaving 0 has emptied the effective set, not the permitted one
        _, permitted, inheritable = capability.get_caps()
        capability.set_caps(permitted, permitted, inheritable)


def capabilities(_: Child, effective: int, permitted: int, inheritable: int, ambient: int) -> None:
    """Set the four sets of the thread; what this machine does not have cannot be given."""
    have = capability.get_caps()[1]
    permitted &= have
    inheritable &= have
    capability.set_caps(effective & permitted, permitted, inheritable)
    if ambient:
        capability.set_ambient(ambient & permitted & inheritable)
    process.set_keepcaps(False)


def no_new_privs(_: Child) -> None:
    """No exec will ever grant more rights again."""
    process.set_no_new_privs()


def seccomp(_: Child, program: bytes, flags: int) -> None:
    """Put us, and the program to come, under a compiled filter."""
    kernel_seccomp.load(program, flags)


def close_fds(_: Child, preserved: int) -> None:
    """Every descriptor but the standard ones, and `preserved` more, closes on exec."""
    close_from(_FIRST_DESCRIPTOR + preserved, cloexec=True)


def open_label(child: Child, module: str, label: str) -> None:
    """Open the file for our label while the host's /proc is at hand."""
    active = lsm.apparmor_active() if module == "apparmor" else lsm.selinux_active()
    if not active:
        if label == "unconfined" or module == "selinux":
            return
        raise Failure(
            _ENOENT, f"apparmor profile {label!r}: AppArmor is not active on this machine"
        )
    child.label = (lsm.open_exec_attribute(module), lsm.exec_label(module, label))


def label(child: Child) -> None:
    """Set the label that the program will run under."""
    if child.label is None:
        return
    fd, content = child.label
    try:
        os.write(fd, content)
    except OSError as error:
        raise Failure(error.errno or 0, _refused(content, reason(error.errno or 0))) from None


def _refused(content: bytes, why: str) -> str:
    """Why a label was not taken, for AppArmor in runc's words."""
    what = os.fsdecode(content.removeprefix(b"exec "))
    if what == os.fsdecode(content):
        return f"label {what!r}: {why}; does the policy know it?"
    return f"unable to apply apparmor profile: {what!r}: {why}; is the profile loaded?"
