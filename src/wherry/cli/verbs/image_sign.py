"""`wherry image sign`: sign an image in its registry."""

from __future__ import annotations

from wherry.cli.command import Command
from wherry.cli.failures import Failure
from wherry.cli.flags import Flag
from wherry.cli.manifests.flags import INSECURE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options
    from wherry.registry.signature_keys import PrivateKey

FLAGS = (
    INSECURE,
    Flag("key", "", "string", "File with the private key (PEM: ECDSA, RSA or Ed25519)"),
    Flag("passphrase-file", "", "string", "File whose first line opens the key ('-': stdin)"),
)
_STDIN = "-"


def run(context: Context, options: Options, arguments: list[str]) -> None:
    """Sign what the name leads to now, and store the signature beside it."""
    from wherry.cli.manifests.registry import conversation, named, resolve
    from wherry.registry.signature_sign import sign

    name = named(arguments[0])
    key = _key(options)
    with conversation(context, name.domain, insecure=options.on("insecure")) as session:
        subject = resolve(session, name).descriptor
        sign(name, subject, session, key)
    context.say(f"{name.familiar_name}@{subject.digest}")


def _key(options: Options) -> PrivateKey:
    from wherry.errors import Invalid
    from wherry.registry.signature_keys import load_private

    if not options.text("key"):
        raise Failure("no key is given: name the file with the private key by --key")
    try:
        return load_private(options.text("key"), _passphrase(options.text("passphrase-file")))
    except Invalid as error:
        raise Failure(str(error)) from None


def _passphrase(path: str) -> bytes | None:
    """The first line of the file, None where none is named."""
    if not path:
        return None
    if path == _STDIN:
        from wherry.cli.prompt import read_secret

        return read_secret().encode("utf-8", "surrogateescape")
    try:
        with open(path, "rb") as file:
            return file.readline().rstrip(b"\r\n")
    except OSError as error:
        raise Failure(f"passphrase file {path}: {(error.strerror or '').lower()}") from None


COMMAND = Command(
    "Sign an image in its registry",
    run,
    arguments="IMAGE[:TAG|@DIGEST]",
    flags=FLAGS,
    least=1,
    most=1,
    complete="images",
)
