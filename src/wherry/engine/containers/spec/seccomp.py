"""Seccomp filters of containers: from a profile and capabilities to what the kernel takes."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from wherry.engine.containers.spec.securityopt import BUILTIN, UNCONFINED
from wherry.errors import Invalid
from wherry.kernel import seccomp as kernel_seccomp
from wherry.spec import seccomp as profiles

CACHED_PROGRAMS: Final = 32


class SeccompPrograms:
    """Compiled filters, kept by profile and capabilities: compiling costs a millisecond."""

    def __init__(self, machine: str, kernel: tuple[int, int]) -> None:
        self._machine = machine
        self._kernel = kernel
        self._default: Mapping[str, Any] | None = None
        self._programs: OrderedDict[tuple[str, tuple[str, ...]], bytes] = OrderedDict()

    def program(self, profile: str, capabilities: Sequence[str]) -> bytes | None:
        """The filter for a `SecurityOptions.seccomp`; None for unconfined. Raises Invalid."""
        if profile == UNCONFINED:
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
        if profile == UNCONFINED:
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
    return "" if profile == BUILTIN else profile


def _unusable(error: Exception) -> Invalid:
    return Invalid(f"the seccomp profile cannot be used: {error}")
