"""`--security-opt`: what its words mean, in Docker's spelling and with Docker's errors.

Docker's own: no-new-privileges, seccomp, apparmor, label, writable-cgroups. systempaths, which
docker's command line resolves by itself, and landlock are ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from wherry.engine.containers.spec import landlock
from wherry.errors import Invalid

if TYPE_CHECKING:
    from wherry.engine.containers.config import HostConfig

UNCONFINED: Final = "unconfined"
BUILTIN: Final = "builtin"
SYSTEM_PATHS: Final = ("systempaths=unconfined", "systempaths:unconfined")

_TRUE: Final = ("1", "t", "T", "true", "TRUE", "True")
_FALSE: Final = ("0", "f", "F", "false", "FALSE", "False")
_SWITCHES: Final = ("no-new-privileges", "writable-cgroups")
"""Options that mean "true" by themselves."""


@dataclass(frozen=True, slots=True)
class SecurityOptions:
    """What the options say together.

    `seccomp` is "" for the default, "builtin", "unconfined" or a profile's JSON; `apparmor` a
    profile's name, "" for the default; `labels` what is behind `label=`; `writable_cgroups` None
    where nothing was said; `system_paths` that nothing of /proc and /sys is to be hidden.
    """

    no_new_privileges: bool = False
    seccomp: str = ""
    apparmor: str = ""
    labels: tuple[str, ...] = ()
    writable_cgroups: bool | None = None
    system_paths: bool = False
    landlock: landlock.Landlock | None = None


@dataclass(slots=True)
class _Said:
    """The values of each word, in the order in which they were given."""

    words: dict[str, list[str]] = field(default_factory=dict)

    def last(self, word: str) -> str:
        return self.words.get(word, [""])[-1]


def parse(options: Iterable[str]) -> SecurityOptions:
    """Read the options. Raises Invalid in Docker's words."""
    said = _Said()
    for option in options:
        word, value = _split(option)
        said.words.setdefault(word, []).append(value)
    _check_profile(said.last("seccomp"))
    writable = said.last("writable-cgroups")
    return SecurityOptions(
        no_new_privileges=said.last("no-new-privileges") in _TRUE,
        seccomp=said.last("seccomp"),
        apparmor=said.last("apparmor"),
        labels=tuple(said.words.get("label", ())),
        writable_cgroups=writable in _TRUE if writable else None,
        system_paths="systempaths" in said.words,
        landlock=landlock.parse(said.words.get("landlock", ())),
    )


def of(host: HostConfig) -> SecurityOptions:
    """What a host configuration says. Raises Invalid."""
    return parse(host.security_opt or ())


def with_system_paths(host: HostConfig) -> HostConfig:
    """The configuration as docker's command line makes it of `systempaths=unconfined`."""
    given = host.security_opt or ()
    kept = tuple(option for option in given if option not in SYSTEM_PATHS)
    if len(kept) == len(given):
        return host
    return replace(host, security_opt=kept or None, masked_paths=(), readonly_paths=())


def _split(option: str) -> tuple[str, str]:
    """Word and value of an option. Raises Invalid."""
    if option in _SWITCHES:
        return option, "true"
    if option == "disable":
        return "label", "disable"
    word, separator, value = option.partition("=" if "=" in option else ":")
    if not separator:
        raise Invalid(f'invalid --security-opt 1: "{option}"')
    if word in _SWITCHES:
        known = value in _TRUE + _FALSE
    elif word == "systempaths":
        known = value == UNCONFINED
    else:
        known = word in ("seccomp", "apparmor", "label", "landlock")
    if not known:
        raise Invalid(f'invalid --security-opt 2: "{option}"')
    return word, value


def _check_profile(text: str) -> None:
    if text in ("", UNCONFINED, BUILTIN):
        return
    try:
        if not isinstance(json.loads(text), dict):
            raise ValueError("not an object")
    except ValueError as error:
        raise Invalid(
            f"decoding seccomp profile failed: {error}",
            hint="give the profile's JSON, or unconfined",
        ) from None
