"""The steps of a plan that concern the process alone: the same for launch and join."""

from __future__ import annotations

from wherry.kernel import capability
from wherry.kernel.rlimit import RESOURCES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Spec = Mapping[str, Any]
    Step = tuple[Any, ...]
    Landlock = tuple[tuple[int, int, int], list[tuple[str, int, bool]], list[tuple[int, int]]]

_CAPABILITY_SETS = ("bounding", "effective", "permitted", "inheritable", "ambient")
_PERSONALITIES = {"LINUX": 0x0000, "LINUX32": 0x0008}
_IOPRIO_CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}


def outside_steps(process: Spec) -> list[Step]:
    """What needs the host's /proc: done before anything is entered."""
    steps: list[Step] = []
    if process.get("oomScoreAdj") is not None:
        steps.append(("oom_score_adj", int(process["oomScoreAdj"])))
    if process.get("apparmorProfile"):
        steps.append(("open_label", "apparmor", process["apparmorProfile"]))
    if process.get("selinuxLabel"):
        steps.append(("open_label", "selinux", process["selinuxLabel"]))
    return steps


def process_steps(
    process: Spec,
    user: str,
    groups: Sequence[str],
    terminal: bool,
    create_cwd: bool,
    keyring: str | None,
    linux: Spec,
) -> list[Step]:
    """From a finished container to a process that is its user and knows its program."""
    capabilities = _capability_masks(process.get("capabilities"))
    return [
        ("environment", [str(word) for word in process.get("env") or []]),
        *([("rlimits", _rlimits(process["rlimits"]))] if process.get("rlimits") else []),
        *_scheduling(process),
        *_persona(linux.get("personality")),
        *([("keyring", keyring)] if keyring else []),
        _user_step(process.get("user") or {}, user, groups),
        ("cwd", process.get("cwd") or "/", create_cwd),
        ("stdio", terminal),
        ("umask", (process.get("user") or {}).get("umask", 0o022)),
        ("identity", capabilities["bounding"]),
        ("find", [str(word) for word in process.get("args") or []]),
    ]


def confining_steps(
    process: Spec,
    seccomp: tuple[bytes, int] | bytes | None,
    preserve_fds: int,
    landlock: Landlock | None,
) -> list[Step]:
    """The last steps: each takes away something that all earlier ones may have needed."""
    capabilities = _capability_masks(process.get("capabilities"))
    last = tuple(capabilities[name] for name in _CAPABILITY_SETS[1:])
    labelled = process.get("apparmorProfile") or process.get("selinuxLabel")
    return [
        *([("label",)] if labelled else []),
        *([("no_new_privs",)] if process.get("noNewPrivileges") else []),
        ("close_fds", preserve_fds),
        *([("landlock", *landlock)] if landlock else []),
        *([("seccomp", *_program(seccomp))] if seccomp else []),
        ("capabilities", *last),
        ("exec",),
    ]


def _program(seccomp: tuple[bytes, int] | bytes) -> tuple[bytes, int]:
    return (seccomp, 0) if isinstance(seccomp, bytes) else seccomp


def _capability_masks(sets: Spec | None) -> dict[str, int]:
    try:
        return {name: capability.mask((sets or {}).get(name) or []) for name in _CAPABILITY_SETS}
    except KeyError as error:
        raise ValueError(f"unknown capability {error.args[0]!r}") from None


def _rlimits(limits: Sequence[Spec]) -> list[tuple[int, int, int, str]]:
    try:
        return [
            (RESOURCES[limit["type"]], int(limit["soft"]), int(limit["hard"]), limit["type"])
            for limit in limits
        ]
    except KeyError as error:
        raise ValueError(f"unknown resource limit {error.args[0]!r}") from None


def _persona(personality: Spec | None) -> list[Step]:
    if not personality:
        return []
    return [("personality", _personality(personality.get("domain", "")))]


def _personality(name: str) -> int:
    if name not in _PERSONALITIES:
        raise ValueError(f"unknown personality {name!r}")
    return _PERSONALITIES[name]


def _scheduling(process: Spec) -> list[Step]:
    priority = process.get("ioPriority")
    if not priority:
        return []
    kind = _IOPRIO_CLASSES.get(priority.get("class", ""))
    if kind is None:
        raise ValueError(f"unknown I/O priority class {priority.get('class')!r}")
    return [("io_priority", kind << 13 | int(priority.get("priority", 0)))]


def _user_step(numbers: Spec, user: str, groups: Sequence[str]) -> Step:
    """("user", text, groups) to look up, or ("ids", uid, gid, groups, extra names)."""
    if user or groups:
        ids = f"{numbers.get('uid', 0)}:{numbers.get('gid', 0)}" if numbers else "0"
        return ("user", user or ids, list(groups))
    further = [int(gid) for gid in numbers.get("additionalGids") or []]
    return ("ids", int(numbers.get("uid", 0)), int(numbers.get("gid", 0)), further)
