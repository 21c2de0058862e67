"""`wherry daemon`: run the engine in this process."""

from __future__ import annotations

import os
import sys

from wherry.cli.command import ANY, Command
from wherry.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wherry.cli.context import Context
    from wherry.cli.flags import Options

# Named here for help, completion and the reference; the daemon itself reads and checks them.
FLAGS = (
    Flag("cgroup-parent", "", "string", "Cgroup to put containers below"),
    Flag("config", "", "string", "Read settings from this JSON file"),
    Flag("config-file", "", "string", stands_for="config"),
    Flag("data-root", "g", "string", "Where images and containers are kept"),
    Flag("debug", "D", "bool", "Log more"),
    Flag("exec-root", "", "string", "Where the state of running containers is kept"),
    Flag("group", "G", "string", "Group that may use the unix socket"),
    Flag("host", "H", "list", "Listen on unix:///path, tcp://address:port or fd://"),
    Flag("insecure-tcp", "", "bool", "Let whoever reaches a tcp address be root on this machine"),
    Flag("label", "", "list", "Label of the daemon (name=value)"),
    Flag("log-level", "l", "string", "debug, info, warn or error"),
    Flag("pidfile", "p", "string", "File for the daemon's process id"),
    Flag("tls", "", "bool", "Use TLS on tcp addresses"),
    Flag("tlscacert", "", "string", "Trust clients whose certificate this CA signed"),
    Flag("tlscert", "", "string", "The daemon's TLS certificate"),
    Flag("tlskey", "", "string", "Key of the certificate"),
    Flag("tlsverify", "", "bool", "Use TLS on tcp addresses and demand a client certificate"),
)


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Become the daemon: same process, its own imports."""
    words = [*_given(options), *arguments]
    os.execv(sys.executable, [sys.executable, "-I", "-m", "wherry.daemon", *words])


def _given(options: Options) -> list[str]:
    """The flags that were given, in a form that any parser takes."""
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


COMMAND = Command("Run the engine", run, flags=FLAGS, most=ANY)
