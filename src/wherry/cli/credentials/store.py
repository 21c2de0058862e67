"""`CredentialStore`: where the logins are, whoever keeps them."""

from __future__ import annotations

import os

from wherry.cli.credentials.configfile import ConfigFile, folder, parse_auths
from wherry.cli.credentials.credentialhelper import CredentialHelper
from wherry.cli.credentials.login import HUB_KEY, Login, host_of, key_of, registry_of
from wherry.cli.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.cli.context import Context

ENVIRONMENT = "DOCKER_AUTH_CONFIG"


class CredentialStore:
    """The logins of the person who runs the command.

    A registry's login is looked up in DOCKER_AUTH_CONFIG (a document of the file's form), then
    in the helper that the file names for it, else in the file.
    """

    __slots__ = ("_environ", "_file")

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Open it. Raises `Failure` when the configuration file cannot be understood."""
        self._environ = environ
        self._file = ConfigFile(os.path.join(folder(environ), "config.json"))

    @property
    def path(self) -> str:
        """Docker's configuration file."""
        return self._file.path

    def get(self, registry: str) -> Login:
        """The login at a registry (`docker.io`, `host:port`), an empty one if none is known.

        Raises `Failure` when a helper fails.
        """
        key = key_of(registry)
        given = self._given().get(key)
        if given is not None:
            return Login(key, given.username, given.password, identity_token=given.identity_token)
        helper = self._helper(key)
        return CredentialHelper(helper).get(key) if helper else self._file.login(key)

    def store(self, login: Login) -> bool:
        """Keep a login; whether a password lies unencrypted in the file now. Raises `Failure`."""
        helper = self._helper(login.server)
        if not helper:
            before = self._file.login(login.server)
            self._file.store(login)
            return bool(login.password) and before.members() != login.members()
        CredentialHelper(helper).store(login)
        # As docker does, so that the file tells (without a secret) where one is logged in.
        self._file.store(Login(login.server))
        return False

    def erase(self, key: str) -> None:
        """Forget the login kept under exactly this key. Raises `Failure`."""
        helper = self._helper(key)
        if helper:
            CredentialHelper(helper).erase(key)
        self._file.erase(key)

    def _helper(self, key: str) -> str:
        return self._file.helper_of(key) or (_default_helper(self._environ, self._file))

    def _given(self) -> Mapping[str, Login]:
        text = self._environ.get(ENVIRONMENT)
        if not text:
            return {}
        try:
            return parse_auths(text)
        except (ValueError, RecursionError):
            raise Failure(f"{ENVIRONMENT} cannot be read: it is not JSON with auths") from None


def _default_helper(environ: Mapping[str, str], file: ConfigFile) -> str:
    """The helper that docker takes on Linux where nothing is configured, if it is installed."""
    if not file.is_plain:
        return ""
    name = "pass" if _is_installed("pass", environ) else "secretservice"
    return name if _is_installed(f"docker-credential-{name}", environ) else ""


def _is_installed(program: str, environ: Mapping[str, str]) -> bool:
    folders = environ.get("PATH", "").split(":")
    return any(os.access(os.path.join(path, program), os.X_OK) for path in folders if path)


def auth_headers(context: Context, image: str) -> Mapping[str, str]:
    """What tells the daemon who asks for an image (or searches for a term): a header, or none.

    A configuration file that cannot be read is warned of, and the request goes without. Raises
    `Failure` when a credential helper fails: what is wrong with it would be lost otherwise.
    """
    try:
        store = CredentialStore(context.environ)
    except Failure as failure:
        context.warn(f"WARNING: {failure.message}")
        return {}
    return store.get(registry_of(image)).headers()


def addresses_of(server: str) -> tuple[str, list[str]]:
    """The name of a registry as typed, and every key that its login may be kept under."""
    if not server:
        return HUB_KEY, [HUB_KEY]
    host = host_of(server)
    return host, list(dict.fromkeys([server, host, f"http://{host}", f"https://{host}"]))
