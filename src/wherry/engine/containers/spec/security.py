"""Security options (`--security-opt`), seccomp programs, hidden paths."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wherry.errors import Invalid
from wherry.kernel import seccomp as kernel_seccomp
from wherry.spec import seccomp as profiles

CACHED_PROGRAMS: Final = 32


@dataclass(frozen=True, slots=True)
class SecurityOptions:
    """What `--security-opt` says: `seccomp` is "" for the default, "unconfined", or a profile."""

    no_new_privileges: bool = False
    seccomp: str = ""
    apparmor: str = ""
    selinux: tuple[str, ...] = ()


def parse(options: Iterable[str]) -> SecurityOptions:
    """Read the options. Raises Invalid in Docker's words."""
    values: dict[str, Any] = {"selinux": ()}
    for option in options:
        name, separator, value = option.partition("=" if "=" in option else ":")
        if name == "no-new-privileges":
            values["no_new_privileges"] = _truth(value) if separator else True
        elif name in ("seccomp", "apparmor") and separator:
            values[name] = value
        elif name == "label" and separator:
            values["selinux"] += (value,)
        elif name in ("no-new-privileges", "seccomp", "apparmor", "label"):
            raise Invalid(f'invalid --security-opt 1: "{option}"')
        else:
            raise Invalid(f'invalid --security-opt 2: "{option}"')
    _check_profile(values.get("seccomp", ""))
    return SecurityOptions(**values)


def warnings(options: SecurityOptions) -> list[str]:
    """What was asked for and does not confine the process, as the engine sets no labels yet."""
    labels = [f"label={each}" for each in options.selinux if each != "disable"]
    if options.apparmor not in ("", "unconfined"):
        labels.append(f"apparmor={options.apparmor}")
    return [
        f"--security-opt {each} has no effect: this engine sets no such label" for each in labels
    ]


def _truth(text: str) -> bool:
    if text.lower() in ("1", "t", "true"):
        return True
    if text.lower() in ("0", "f", "false"):
        return False
    raise Invalid(f'invalid --security-opt 2: "no-new-privileges={text}"')


def _check_profile(text: str) -> None:
    if text in ("", "unconfined", "builtin", "default"):
        return
    try:
        if not isinstance(json.loads(text), dict):
            raise ValueError("not an object")
    except ValueError as error:
        raise Invalid(
            f"decoding seccomp profile failed: {error}",
            hint="give the profile's JSON, or unconfined",
        ) from None


class SeccompPrograms:
    """Compiled filters, kept by profile and capabilities: compiling costs a millisecond."""

    def __init__(self, machine: str, kernel: tuple[int, int]) -> None:
        self._machine = machine
        self._kernel = kernel
        self._default: Mapping[str, Any] | None = None
        self._programs: OrderedDict[tuple[str, tuple[str, ...]], bytes] = OrderedDict()

    def program(self, profile: str, capabilities: Sequence[str]) -> bytes | None:
        """The filter for a `SecurityOptions.seccomp`; None for unconfined. Raises Invalid."""
        if profile == "unconfined":
            return None
        custom = _custom(profile)
        digest = hashlib.sha256(custom.encode()).hexdigest() if custom else ""
        key = (digest, tuple(capabilities))
        if key not in self._programs:
            self._programs[key] = self._compile(custom, capabilities)
            if len(self._programs) > CACHED_PROGRAMS:
                self._programs.popitem(last=False)
        return self._programs[key]

    def resolved(self, profile: str, capabilities: Sequence[str]) -> Mapping[str, Any] | None:
        """The same as OCI's `linux.seccomp`, for a runtime that compiles it. Raises Invalid."""
        if profile == "unconfined":
            return None
        return self._resolve(_custom(profile), capabilities)

    def _compile(self, custom: str, capabilities: Sequence[str]) -> bytes:
        resolved = self._resolve(custom, capabilities)
        try:
            return kernel_seccomp.compile(resolved, self._machine)
        except (ValueError, KeyError, TypeError) as error:
            raise _unusable(error) from error

    def _resolve(self, custom: str, capabilities: Sequence[str]) -> dict[str, Any]:
        profile = json.loads(custom) if custom else self._builtin()
        try:
            return profiles.resolve(profile, capabilities, self._machine, self._kernel)
        except (ValueError, KeyError, TypeError) as error:
            raise _unusable(error) from error

    def _builtin(self) -> Mapping[str, Any]:
        if self._default is None:
            self._default = profiles.default_profile()
        return self._default


def _custom(profile: str) -> str:
    """The user's own profile, "" for the one that is shipped."""
    return profile if profile not in ("builtin", "default") else ""


def _unusable(error: Exception) -> Invalid:
    return Invalid(f"the seccomp profile cannot be used: {error}")
