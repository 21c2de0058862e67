"""Device rules of OCI (linux.resources.devices): their text, and what a list of them amounts to.

Version 1 keeps the list in the kernel; version 2 wants a program, so the list is first reduced to
what the version 1 kernel would hold after all the writes: a default, and exceptions to it.
Source: Linux Documentation/admin-guide/cgroup-v1/devices.rst and security/device_cgroup.c.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

ANY = -1
READ, WRITE, MKNOD = 4, 2, 1
"""Access bits; the values are ours, the BPF context has its own."""

_LETTERS = {"r": READ, "w": WRITE, "m": MKNOD}


def _rule(kind: str, major: int, minor: int, access: str) -> dict[str, Any]:
    return {"allow": True, "type": kind, "major": major, "minor": minor, "access": access}


DENY_ALL: dict[str, Any] = {"allow": False, "access": "rwm"}
STANDARD_RULES = (
    _rule("c", ANY, ANY, "m"),
    _rule("b", ANY, ANY, "m"),
    _rule("c", 1, 3, "rwm"),  # null
    _rule("c", 1, 5, "rwm"),  # zero
    _rule("c", 1, 7, "rwm"),  # full
    _rule("c", 1, 8, "rwm"),  # random
    _rule("c", 1, 9, "rwm"),  # urandom
    _rule("c", 5, 0, "rwm"),  # tty
    _rule("c", 5, 2, "rwm"),  # ptmx
    _rule("c", 136, ANY, "rwm"),  # pts/*
)
"""What every container may use: making nodes, and the devices that OCI requires in /dev
(runtime-spec config-linux.md, "Default Devices")."""


def line(rule: dict[str, Any]) -> str:
    """The rule as version 1 wants it: `c 1:3 rwm`, `a *:* rwm`."""
    kind = rule.get("type") or "a"
    major, minor = _wild(rule.get("major")), _wild(rule.get("minor"))
    return f"{kind} {'*' if major == ANY else major}:{'*' if minor == ANY else minor} " + (
        rule.get("access") or "rwm"
    )


def access_bits(letters: str) -> int:
    """ "rwm" as bits; no letters mean all."""
    bits = 0
    for letter in letters or "rwm":
        bits |= _LETTERS[letter]
    return bits


def _wild(number: int | None) -> int:
    return ANY if number is None else number


class DeviceList:
    """A default and exceptions from it: (type "b" or "c", major, minor) -> access bits."""

    __slots__ = ("allow_by_default", "exceptions")

    def __init__(self, rules: Iterable[dict[str, Any]], *, allow_by_default: bool = True) -> None:
        """Apply `rules` in order to a list that starts empty with the given default."""
        self.allow_by_default = allow_by_default
        self.exceptions: dict[tuple[str, int, int], int] = {}
        for rule in rules:
            self._add(rule)

    def _add(self, rule: dict[str, Any]) -> None:
        kind = rule.get("type") or "a"
        if kind == "a":
            self.allow_by_default = rule["allow"]
            self.exceptions.clear()
            return
        kind = "c" if kind == "u" else kind
        key = (kind, _wild(rule.get("major")), _wild(rule.get("minor")))
        bits = access_bits(rule.get("access") or "")
        known = self.exceptions.get(key, 0)
        is_exception = rule["allow"] != self.allow_by_default
        remaining = known | bits if is_exception else known & ~bits
        if remaining:
            self.exceptions[key] = remaining
        else:
            self.exceptions.pop(key, None)
