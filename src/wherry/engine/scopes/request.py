"""From what somebody wants of a scoped socket to a scope: checked, names made into ids."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from wherry.engine.scopes.values import Scope
from wherry.errors import Invalid

if TYPE_CHECKING:
    from wherry.engine.scopes.values import SocketRequest

_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}")
_LABEL: Final = re.compile(r"[^=\x00-\x20\x7f]+")
_VALUE: Final = re.compile(r"[^\x00-\x1f\x7f]*")
_LONGEST_PATH: Final = 107
"""Bytes of a unix socket's path (unix(7))."""
FILE: Final = "docker.sock"


def scope_of(request: SocketRequest, verbs: tuple[str, ...], directory: str) -> Scope:
    """The scope; without a path of its own the file is below `directory`. Raises Invalid."""
    if _NAME.fullmatch(request.name) is None:
        raise Invalid(
            f"invalid name of a socket: {request.name!r}",
            hint="letters, digits, '_', '.' and '-', at most 63, the first one a letter or digit",
        )
    if request.ttl < 0:
        raise Invalid("the time to live of a socket cannot be negative")
    now = time.time_ns()
    uid, gid = owner_of(request.owner)
    return Scope(
        name=request.name,
        path=_path(request.path) or f"{directory}/{request.name}/{FILE}",
        created=now,
        allow=request.allow or (),
        verbs=verbs,
        labels=_labels(request.labels or {}),
        expires=_expires(now, request),
        uid=uid,
        gid=gid,
        bind_root=_bind_root(request.bind_root),
        images=_images(request.images or ()),
        parent=request.parent,
    )


def _expires(now: int, request: SocketRequest) -> int:
    ends = [end for end in (now + request.ttl if request.ttl else 0, request.until) if end]
    return min(ends, default=0)


def owner_of(text: str) -> tuple[int, int]:
    """USER[:GROUP] as ids; root without a text, and -1 without a group. Raises Invalid."""
    user, colon, group = text.partition(":")
    uid = _id("user", user or "0", lambda name: pwd.getpwnam(name).pw_uid)
    if not colon:
        return uid, -1
    return uid, _id("group", group, lambda name: grp.getgrnam(name).gr_gid)


def _id(kind: str, text: str, look_up: Callable[[str], int]) -> int:
    if text.isascii() and text.isdigit() and int(text) < 2**32 - 1:
        return int(text)
    try:
        return look_up(text)
    except KeyError:
        raise Invalid(f"there is no {kind} {text!r}", hint="write its number") from None


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    for key, value in labels.items():
        if not _LABEL.fullmatch(key) or not _VALUE.fullmatch(value):
            raise Invalid(f"invalid label for a socket: {key!r}={value!r}", hint="write key=value")
    return dict(labels)


def _images(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if not all(patterns):
        raise Invalid("an image pattern cannot be empty", hint="write a name, or 'registry/team/*'")
    return patterns


def _bind_root(path: str) -> str:
    """The directory without links: what is above it is the host's own."""
    if not path:
        return ""
    if not path.startswith("/"):
        raise Invalid(f"the bind root must be an absolute path, not {path!r}")
    real = os.path.realpath(path)
    if not os.path.isdir(real):
        raise Invalid(f"the bind root {path} is no directory")
    if real == "/":
        raise Invalid("the bind root cannot be /: that is the whole machine")
    _check_fixed(real, f"cannot take {real} for a bind root", "give a directory that is root's")
    return real


def _path(path: str) -> str:
    if not path:
        return ""
    if not path.startswith("/") or len(os.fsencode(path)) > _LONGEST_PATH:
        raise Invalid(
            f"invalid path of a socket: {path!r}",
            hint=f"an absolute path of at most {_LONGEST_PATH} bytes",
        )
    clean = os.path.normpath(path)
    directory = os.path.dirname(clean)
    if os.path.realpath(directory) != directory or not os.path.isdir(directory):
        raise Invalid(f"{directory} is no directory, or a link leads there")
    hint = "leave --path away, and make a link to the socket"
    _check_fixed(clean, f"cannot make a socket at {clean}", hint)
    return clean


def _check_fixed(path: str, what: str, hint: str) -> None:
    """Nobody but root may put something else at the path while root works there. Raises Invalid.

    What is in a directory with the sticky bit can be exchanged by its own owner.
    """
    while path != "/":
        parent = os.path.dirname(path)
        found = os.stat(parent)
        kept = found.st_mode & stat.S_ISVTX and _is_roots(path)
        if found.st_uid != 0 or (found.st_mode & 0o022 and not kept):
            raise Invalid(f"{what}: others than root can change it in {parent}", hint=hint)
        path = parent


def _is_roots(path: str) -> bool:
    """Whether the owner is root; what is not there yet will be."""
    try:
        return os.lstat(path).st_uid == 0
    except FileNotFoundError:
        return True
