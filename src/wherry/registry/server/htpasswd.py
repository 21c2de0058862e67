"""Users and passwords from a file in Apache's htpasswd format, bcrypt only (`htpasswd -B`).

A check takes bcrypt's tens of milliseconds of one core on purpose, so it runs in a thread, and a
password that was right is remembered for a while as a keyed hash. The file is read again when it
has changed.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import time
from collections.abc import Mapping
from typing import Final

import bcrypt

from wherry.errors import Invalid

REMEMBERED_SECONDS: Final = 300.0
_KINDS: Final = (b"$2y$", b"$2b$", b"$2a$")
_LONGEST: Final = 72
"""Bytes of a password that bcrypt looks at; the library refuses longer ones."""


class Htpasswd:
    """The users of one file. Raises Invalid when it is made and the file cannot be read."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._users: Mapping[str, bytes] = {}
        self._stamp = (0, 0)
        self._key = secrets.token_bytes(32)
        self._right: dict[tuple[str, bytes], float] = {}
        # For names that do not exist: the answer takes as long as for those that do.
        self._nobody = bcrypt.hashpw(secrets.token_bytes(16), bcrypt.gensalt(10))
        self.reload()

    def reload(self) -> None:
        """Read the file if it has changed. Raises Invalid."""
        try:
            found = os.stat(self._path)
            stamp = (found.st_mtime_ns, found.st_ino)
            if stamp == self._stamp:
                return
            with open(self._path, "rb") as file:
                self._users = parse(file.read(), self._path)
        except OSError as error:
            raise Invalid(f"cannot read the users' file {self._path}: {error.strerror}") from None
        self._stamp = stamp
        self._right.clear()

    async def check(self, user: str, password: str) -> bool:
        """Whether the password is the user's. A file that became unreadable changes nothing."""
        try:
            self.reload()
        except Invalid:
            if not self._users:
                raise
        given = password.encode()[:_LONGEST]
        key = (user, hmac.digest(self._key, user.encode() + b"\0" + given, "sha256"))
        if self._right.get(key, 0.0) > time.monotonic():
            return True
        hashed = self._users.get(user)
        fits = await asyncio.to_thread(bcrypt.checkpw, given, hashed or self._nobody)
        if not fits or hashed is None:
            return False
        self._right[key] = time.monotonic() + REMEMBERED_SECONDS
        return True


def parse(data: bytes, path: str = "htpasswd") -> dict[str, bytes]:
    """`user:hash` lines; blank ones and comments are skipped. Raises Invalid."""
    users: dict[str, bytes] = {}
    for number, line in enumerate(data.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith(b"#"):
            continue
        user, colon, hashed = line.partition(b":")
        if not colon or not user or not hashed.startswith(_KINDS):
            raise Invalid(
                f"{path}, line {number}: no bcrypt hash",
                hint="make the line with: htpasswd -nB USER",
            )
        users[user.decode("utf-8", "surrogateescape")] = hashed
    return users
