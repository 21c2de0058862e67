"""Docker's configuration file, as far as it is about registries: `auths`, `credsStore`,
`credHelpers`.

Everything else in the file is somebody else's and is written back as it was. A change is made under
a lock, into a file of mode 0600 that then takes the old one's place, so that two logins at once
both count and a crash leaves the old file or the new one.
"""

from __future__ import annotations

import fcntl
import os

from wherry.cli.credentials.login import Login, host_of
from wherry.cli.failures import Failure
from wherry.jsontext import decode, encode_pretty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_MODE = 0o600
_FOLDER_MODE = 0o700


def folder(environ: Mapping[str, str]) -> str:
    """Docker's configuration folder: DOCKER_CONFIG, else ~/.docker."""
    return environ.get("DOCKER_CONFIG") or os.path.join(_home(environ), ".docker")


def _home(environ: Mapping[str, str]) -> str:
    if environ.get("HOME"):
        return environ["HOME"]
    import pwd

    return pwd.getpwuid(os.getuid()).pw_dir


class ConfigFile:
    """One configuration file; `auths` are as they were when it was read."""

    __slots__ = ("_document", "path")

    def __init__(self, path: str) -> None:
        """Read it. Raises `Failure` when it is there and cannot be understood."""
        self.path = path
        self._document = _read(path)

    @property
    def is_plain(self) -> bool:
        """Whether nothing is said about credentials, so that a helper may be chosen."""
        names = ("credsStore", "credHelpers", "auths")
        return not any(self._document.get(name) for name in names)

    def helper_of(self, key: str) -> str:
        """The short name of the helper that keeps a registry's credentials, "" for this file."""
        helpers = self._document.get("credHelpers")
        named = helpers.get(key) if isinstance(helpers, dict) else None
        return str(named or self._document.get("credsStore") or "")

    def login(self, key: str) -> Login:
        """The login kept in the file for a registry; an empty one if there is none."""
        auths = _auths(self._document)
        found = auths.get(key)
        if found is None:  # kept by an older docker, with scheme and path
            found = next((auths[name] for name in auths if host_of(name) == key), None)
        return _login(key, found, self.path) if isinstance(found, dict) else Login(key)

    def store(self, login: Login) -> None:
        """Keep a login in the file. Raises `Failure`."""
        entry = _entry(login)

        def put(document: dict[str, Any]) -> bool:
            auths = document["auths"] = _auths(document)
            changed: bool = auths.get(login.server) != entry
            auths[login.server] = entry
            return changed

        self._change(put)

    def erase(self, key: str) -> None:
        """Forget a registry's login. Raises `Failure`."""
        if key in _auths(self._document):
            self._change(lambda document: _auths(document).pop(key, None) is not None)

    def _change(self, change: Callable[[dict[str, Any]], bool]) -> None:
        """Make a change to the file as it is now; `change` says whether there was any."""
        try:
            os.makedirs(os.path.dirname(self.path), mode=_FOLDER_MODE, exist_ok=True)
            # Through a symbolic link, dangling ones too: people keep the file elsewhere.
            path = os.path.realpath(self.path)
            lock = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                document = _read(path)
                if change(document):
                    _write(path, document)
                self._document = document
            finally:
                os.close(lock)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise Failure(f"error saving credentials: {self.path}: {why}") from None


def parse_auths(text: str) -> Mapping[str, Login]:
    """The logins in a document such as DOCKER_AUTH_CONFIG holds; ValueError if it is none."""
    document = decode(text)
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    auths = _auths(document).items()
    return {name: _login(name, entry, "") for name, entry in auths if isinstance(entry, dict)}


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            text = file.read()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Failure(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    try:
        document = decode(text) if text.strip() else {}
        if not isinstance(document, dict) or not isinstance(document.get("auths", {}), dict | None):
            raise ValueError("not of the form of docker's configuration")
    except (ValueError, RecursionError) as error:
        raise Failure(f"cannot read {path}: {error}; mend or remove it") from None
    return document


def _write(path: str, document: dict[str, Any]) -> None:
    from wherry import atomicfile

    owner = None
    if os.geteuid() == 0 and os.path.exists(path):  # with sudo, the file stays the person's
        facts = os.stat(path)
        owner = (facts.st_uid, facts.st_gid)
    text = encode_pretty(document, "\t").encode("utf-8", "surrogateescape")
    atomicfile.write(path, text, _MODE, owner)


def _auths(document: Mapping[str, Any]) -> dict[str, Any]:
    auths = document.get("auths")
    return auths if isinstance(auths, dict) else {}


def _login(key: str, entry: Mapping[str, Any], path: str) -> Login:
    username, password = _text(entry, "username"), _text(entry, "password")
    if _text(entry, "auth"):
        username, password = _decoded(_text(entry, "auth"), key, path)
    return Login(
        key,
        username,
        password,
        identity_token=_text(entry, "identitytoken"),
        registry_token=_text(entry, "registrytoken"),
    )


def _decoded(auth: str, key: str, path: str) -> tuple[str, str]:
    from binascii import a2b_base64

    try:
        pair = a2b_base64(auth).decode()
    except ValueError:  # binascii.Error and UnicodeDecodeError are ValueErrors
        pair = ""
    username, colon, password = pair.partition(":")
    if not colon or not username:
        told = f" in {path}" if path else ""
        raise Failure(f"the credentials for {key}{told} cannot be read: log in again")
    return username, password.strip("\0")


def _entry(login: Login) -> dict[str, str]:
    entry = {}
    if login.username or login.password:
        from binascii import b2a_base64

        pair = f"{login.username}:{login.password}".encode("utf-8", "surrogateescape")
        entry["auth"] = b2a_base64(pair, newline=False).decode()
    if login.identity_token:
        entry["identitytoken"] = login.identity_token
    if login.registry_token:
        entry["registrytoken"] = login.registry_token
    return entry


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""
