"""`wherry registry serve`: run a registry in this process."""

from __future__ import annotations

import os
import sys

from wherry.cli.command import Command
from wherry.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

# Named here for help, completion and the reference; the registry itself reads and checks them
# (`wherry.registry.server.config`).
FLAGS = (
    Flag("access-log", "", "string", "File for a line a request; - is standard output"),
    Flag("config", "", "string", "Read settings from this TOML file"),
    Flag("data-root", "", "string", "Serve the images of the engine that keeps its data here"),
    Flag("htpasswd", "", "string", "File of users and their passwords (bcrypt)"),
    Flag("listen", "", "list", "Listen on address:port (default 127.0.0.1:5000)"),
    Flag("proxy", "", "string", "Keep a copy of what the registry at this URL serves"),
    Flag("quota", "", "string", "Bytes that one repository may keep, as 20GB"),
    Flag("quota-total", "", "string", "Bytes that all repositories may keep"),
    Flag("read-only", "", "bool", "Take no push and no delete"),
    Flag("root", "", "string", "Where everything is kept"),
    Flag("tls-cert", "", "string", "File with the server's certificate"),
    Flag("tls-key", "", "string", "File with the certificate's key"),
    Flag("tokens", "", "bool", "Issue bearer tokens to the users of the htpasswd file"),
    Flag("url", "", "string", "How clients reach the registry, as https://registry.example:5000"),
)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Become the registry: same process, its own imports."""
    words = _given(options)
    os.execv(sys.executable, [sys.executable, "-I", "-m", "wherry.registry.server", *words])


def _given(options: Options) -> list[str]:
    """The flags that were given."""
    words: list[str] = []
    for flag in FLAGS:
        if not options.is_given(flag.name):
            continue
        if flag.kind == "list":
            words += [f"--{flag.name}={value}" for value in options.list(flag.name)]
        elif flag.kind == "bool":
            words += [f"--{flag.name}"] if options.on(flag.name) else []
        else:
            words.append(f"--{flag.name}={options.text(flag.name)}")
    return words


COMMAND = Command("Run a registry", run, flags=FLAGS)
