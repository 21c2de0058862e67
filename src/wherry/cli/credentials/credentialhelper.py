"""Credential helpers: programs `docker-credential-NAME` that keep secrets in a keychain or get
them from a cloud's API.

The protocol (docker/docker-credential-helpers): the verb is the argument, the question comes on
standard input, the answer goes to standard output as JSON, or as words with an exit status of 1.
The question goes through a memory file: a secret is never on a command line or on a disk, and no
helper can block us by not reading.
"""

from __future__ import annotations

import os

from wherry.cli.credentials.login import Login
from wherry.cli.failures import Failure
from wherry.jsontext import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "docker-credential-"
_TOKEN_USER = "<token>"
_NOT_FOUND = "credentials not found in native keychain"
_PIECE = 1 << 16


class CredentialHelper:
    """One credential helper by its short name (`pass`, `ecr-login`, `gcloud`)."""

    __slots__ = ("_program",)

    def __init__(self, name: str) -> None:
        self._program = _PREFIX + name

    def get(self, server: str) -> Login:
        """The login at a server, an empty one when the helper knows none. Raises `Failure`."""
        status, answer = self._run("get", server)
        if status:
            if answer == _NOT_FOUND:
                return Login(server)
            raise self._failure("getting", status, answer)
        try:
            members = decode(answer)
            username, secret = str(members["Username"]), str(members["Secret"])
        except (ValueError, KeyError, TypeError):
            # The answer may hold a secret: it is not shown.
            raise Failure(
                f"error getting credentials: {self._program} did not answer as a credential helper"
            ) from None
        if username == _TOKEN_USER:
            return Login(server, identity_token=secret)
        return Login(server, username, secret)

    def store(self, login: Login) -> None:
        """Keep a login. Raises `Failure`."""
        username, secret = login.username, login.password
        if login.identity_token:
            username, secret = _TOKEN_USER, login.identity_token
        question = {"ServerURL": login.server, "Username": username, "Secret": secret}
        status, answer = self._run("store", encode(question))
        if status:
            raise self._failure("storing", status, answer)

    def erase(self, server: str) -> None:
        """Forget the login at a server; to know none is no failure. Raises `Failure`."""
        status, answer = self._run("erase", server)
        if status and answer != _NOT_FOUND:
            raise self._failure("erasing", status, answer)

    def list(self) -> Mapping[str, str]:
        """Servers and the users' names at them. Raises `Failure`."""
        status, answer = self._run("list", "unused")
        if status:
            raise self._failure("listing", status, answer)
        try:
            return {str(server): str(user) for server, user in decode(answer or "{}").items()}
        except (ValueError, AttributeError):
            raise Failure(
                f"error listing credentials: {self._program} did not answer as a credential helper"
            ) from None

    def _failure(self, doing: str, status: int, answer: str) -> Failure:
        return Failure(f"error {doing} credentials - err: exit status {status}, out: `{answer}`")

    def _run(self, verb: str, question: str) -> tuple[int, str]:
        """The helper's exit status and what it says; its standard error is the user's."""
        source = os.memfd_create("credential")
        reader, writer = os.pipe()
        try:
            os.write(source, question.encode("utf-8", "surrogateescape"))
            os.lseek(source, 0, os.SEEK_SET)
            actions = [(os.POSIX_SPAWN_DUP2, source, 0), (os.POSIX_SPAWN_DUP2, writer, 1)]
            words = [self._program, verb]
            pid = os.posix_spawnp(self._program, words, os.environ, file_actions=actions)
        except OSError as error:
            os.close(reader)
            raise self._missing(error) from None
        finally:
            os.close(source)
            os.close(writer)
        answer = _read_all(reader)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return status, answer.decode("utf-8", "replace").strip()

    def _missing(self, error: OSError) -> Failure:
        why = "executable file not found in $PATH"
        if not isinstance(error, FileNotFoundError):
            why = (error.strerror or str(error)).lower()
        return Failure(
            f'error getting credentials - err: exec: "{self._program}": {why}; install it, or take'
            " it out of credsStore or credHelpers in docker's config.json"
        )


def _read_all(fd: int) -> bytes:
    pieces = []
    while piece := os.read(fd, _PIECE):
        pieces.append(piece)
    os.close(fd)
    return b"".join(pieces)
