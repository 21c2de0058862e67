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

# Named here for help, completion and the reference; the daemon itself reads and checks them. A test
# holds the names to the daemon's own.
FLAGS = (
    Flag("add-runtime", "", "list", "Further OCI runtime: NAME=PATH"),
    Flag("audit", "", "bool", "Write down every request to the API"),
    Flag("bip", "", "string", "Address and prefix of the default bridge: 10.1.0.1/24"),
    Flag("bip6", "", "string", "The same for IPv6"),
    Flag("bridge", "", "string", "Link of the default bridge; none for no default network"),
    Flag("cdi-spec-dir", "", "list", "Directory of CDI files (devices); empty for none"),
    Flag("cgroup-parent", "", "string", "Cgroup to put containers below"),
    Flag("config", "", "string", "Read settings from this JSON file"),
    Flag("config-file", "", "string", stands_for="config"),
    Flag("data-root", "g", "string", "Where images and containers are kept"),
    Flag("debug", "D", "bool", "Log more"),
    Flag("default-address-pool", "", "list", "Where subnets are chosen from: base=CIDR,size=BITS"),
    Flag(
        "default-gateway",
        "",
        "string",
        "Way out of the default bridge, not itself",
    ),
    Flag("default-gateway-v6", "", "string", "The same for IPv6"),
    Flag("default-runtime", "", "string", "Runtime of containers that name none"),
    Flag("dns", "", "list", "Name server for containers"),
    Flag("dns-opt", "", "list", "Resolver option for containers"),
    Flag("dns-search", "", "list", "Search domain for containers"),
    Flag("exec-root", "", "string", "Where the state of running containers is kept"),
    Flag("fixed-cidr", "", "string", "Part of the default bridge's subnet to use"),
    Flag("fixed-cidr-v6", "", "string", "IPv6 subnet of the default bridge"),
    Flag("group", "G", "string", "Group that may use the unix socket"),
    Flag("host", "H", "list", "Listen on unix:///path, tcp://address:port or fd://"),
    Flag("host-gateway-ip", "", "list", "What host-gateway stands for in --add-host"),
    Flag("icc", "", "bool", "Let containers on the default bridge reach each other (true)"),
    Flag("insecure-registry", "", "list", "Registry without trusted TLS: host[:port] or CIDR"),
    Flag("insecure-tcp", "", "bool", "Let whoever reaches a tcp address be root on this machine"),
    Flag("ip", "", "string", "Address to publish ports on where none is named"),
    Flag(
        "ip-masq",
        "",
        "bool",
        "Hide the default bridge behind the host's address (true)",
    ),
    Flag("ipv6", "", "bool", "Give the default bridge IPv6"),
    Flag("label", "", "list", "Label of the daemon (name=value)"),
    Flag("log-level", "l", "string", "debug, info, warn or error"),
    Flag("max-concurrent-downloads", "", "int", "How many layers are fetched at once (3)"),
    Flag("max-concurrent-uploads", "", "int", "How many layers are pushed at once (5)"),
    Flag("max-download-attempts", "", "int", "Attempts before a transfer fails (5)"),
    Flag("mtu", "", "int", "MTU of the default bridge (the host's)"),
    Flag("pidfile", "p", "string", "File for the daemon's process id"),
    Flag("profile", "", "string", "docker for Docker's defaults, wherry for safer ones"),
    Flag("publish-obeys-input", "", "bool", "Let published ports pass the host's own input rules"),
    Flag("registry-mirror", "", "list", "Mirror of Docker Hub: http(s)://host[:port]"),
    Flag("signature-policy", "", "string", "File that says which images must be signed"),
    Flag("tls", "", "bool", "Use TLS on tcp addresses"),
    Flag("tlscacert", "", "string", "Trust clients whose certificate this CA signed"),
    Flag("tlscert", "", "string", "The daemon's TLS certificate"),
    Flag("tlskey", "", "string", "Key of the certificate"),
    Flag("tlsverify", "", "bool", "Use TLS on tcp addresses and demand a client certificate"),
    Flag("userns", "", "string", "User namespace of containers that name none: host, auto"),
    Flag("userns-pool", "", "string", "Ids for user namespaces: FIRST:COUNT"),
    Flag("userns-remap", "", "string", "default: the same as --userns auto"),
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
            words.append(f"--{flag.name}={str(options.on(flag.name)).lower()}")
        elif flag.kind == "int":
            words.append(f"--{flag.name}={options.number(flag.name)}")
        else:
            words.append(f"--{flag.name}={options.text(flag.name)}")
    return words


COMMAND = Command("Run the engine", run, flags=FLAGS, most=ANY)
