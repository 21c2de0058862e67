"""`wherry login`: check a name and a password (or token) at a registry, and keep them."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.credentials.login import HUB_KEY, Login, host_of
from wherry.cli.credentials.store import ENVIRONMENT, CredentialStore
from wherry.cli.failures import ApiFailure, Failure
from wherry.cli.flags import Flag
from wherry.cli.output import is_terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

FLAGS = (
    Flag("password", "p", "string", "Password or token (others can see it: use --password-stdin)"),
    Flag("password-stdin", "", "bool", "Read the password or token from standard input"),
    Flag("username", "u", "string", "User's name"),
)
_STDIN = 0
_UNAUTHORIZED = 401
_UNENCRYPTED = """
WARNING! Your credentials are stored unencrypted in '{path}'.
Configure a credential helper to remove this warning. See
https://docs.docker.com/go/credential-store/
"""
_ANOTHER_ACCOUNT = """
 Info -> To login with a different account, run 'wherry logout' followed by 'wherry login'

"""


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Log in with what is given, else with what is kept, else with what the person types."""
    _check_flags(options)
    if options.text("password"):
        context.warn("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
    username, password = options.text("username"), options.text("password")
    if options.on("password-stdin"):
        from wherry.cli.prompt import read_secret

        password = read_secret()
    if context.environ.get(ENVIRONMENT):
        context.warn(f"WARNING: {ENVIRONMENT} is set and goes before what is kept by login")
    store = CredentialStore(context.environ)
    key = _key(arguments[0] if arguments else "")
    status = "" if username or password else _log_in_again(context, store, key)
    if not status:
        kept = store.get(key).username if not username else ""
        status = _log_in(context, store, _asked_for(key, username, password, kept))
    context.say(status)


def _check_flags(options: Options) -> None:
    if options.on("password-stdin"):
        if options.is_given("password"):
            raise Failure(
                "conflicting options: cannot specify both --password and --password-stdin"
            )
        if not options.is_given("username"):
            raise Failure("the --password-stdin option requires --username to be set")
    for name in ("username", "password"):
        if options.is_given(name) and not options.text(name):
            raise Failure(f"{name} is empty")


def _key(server: str) -> str:
    return HUB_KEY if server in ("", "docker.io", HUB_KEY) else host_of(server)


def _log_in_again(context: Context, store: CredentialStore, key: str) -> str:
    """Try what is kept; "" if nothing is, or if it does not do any more."""
    login = store.get(key)
    if not login.username or not login.password:
        return ""
    context.warn(f"Authenticating with existing credentials... [Username: {login.username}]")
    context.warn(_ANOTHER_ACCOUNT)
    try:
        return _log_in(context, store, login)
    except ApiFailure as failure:
        expired = failure.code == _UNAUTHORIZED
        why = f"Login did not succeed, error: {failure.message}"
        context.warn("Stored credentials invalid or expired" if expired else why)
        return ""


def _asked_for(key: str, username: str, password: str, kept: str) -> Login:
    """The login, what is missing of it asked for. Raises `Failure`."""
    if (not username or not password) and not is_terminal(_STDIN):
        raise Failure("Error: Cannot perform an interactive login from a non TTY device")
    from wherry.cli.prompt import ask, ask_secret

    if not username:
        username = ask(f"Username ({kept}): " if kept else "Username: ") or kept
    if not username:
        raise Failure("Error: Non-null Username Required")
    password = password or ask_secret("Password: ")
    if not password:
        raise Failure("Error: Password Required")
    return Login(key, username, password)


def _log_in(context: Context, store: CredentialStore, login: Login) -> str:
    """Have the daemon ask the registry, keep the login; what the daemon says about it."""
    answer = context.api.post("/auth", None, login.members()) or {}
    if answer.get("IdentityToken"):
        login = Login(login.server, login.username, identity_token=answer["IdentityToken"])
    if store.store(login):
        context.warn(_UNENCRYPTED.format(path=store.path))
    return str(answer.get("Status") or "Login Succeeded")


COMMAND = Command(
    "Log in to a registry (Docker Hub if none is named)",
    run,
    arguments="[SERVER]",
    flags=FLAGS,
    most=1,
)
