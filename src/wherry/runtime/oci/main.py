"""The command line: global options, the table of commands, and what becomes of an error."""

from __future__ import annotations

import os
import sys

from wherry.runtime.oci import flags
from wherry.runtime.oci.flags import SWITCH, TEXT
from wherry.runtime.oci.refusal import Refusal
from wherry.runtime.oci.report import DEFAULT_LOG, Report
from wherry.runtime.oci.sealed import seal
from wherry.spec.runtime import OCI_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn, Protocol

    class Verb(Protocol):
        """A module of verbs/."""

        ROWS: tuple[flags.Row, ...]
        ARGUMENTS: str

        def run(self, context: Context, options: dict[str, Any], words: list[str]) -> int:
            """Carry the command out; the exit status. Raises Refusal, OSError or ValueError."""


VERSION = "0.1.0"
ROWS = (
    ("debug", SWITCH, "enable debug logging"),
    ("log", TEXT, f"set the log file to write logs to (default is '{DEFAULT_LOG}')"),
    ("log-format", TEXT, "set the log format ('text' (default), or 'json')"),
    ("root", TEXT, "root directory for storage of container state"),
    ("criu", TEXT, "accepted for runc's callers; checkpoints are not supported"),
    ("systemd-cgroup", SWITCH, "refused: Wherry writes the cgroup file system itself"),
    ("rootless", TEXT, "ignore cgroup permission errors ('true', 'false', or 'auto')"),
    ("help,h", SWITCH, "show help"),
    ("version,v", SWITCH, "print the version"),
)
VERBS = {
    "create": "create a container",
    "delete": "delete any resources held by a container",
    "events": "display statistics of a container, and when it runs out of memory",
    "exec": "execute a new process inside the container",
    "features": "show what this runtime supports",
    "kill": "send a signal (default: SIGTERM) to the container's init process",
    "list": "list the containers started with the given root",
    "pause": "suspend all processes inside the container",
    "ps": "display the processes running inside a container",
    "resume": "resume all processes that have been paused",
    "run": "create and run a container",
    "spec": "create a new specification file",
    "start": "execute the user defined process in a created container",
    "state": "output the state of a container",
    "update": "update container resource constraints",
}
SEALED = frozenset({"create", "exec", "run"})  # what becomes a container's process


class Context:
    """What every command may use."""

    __slots__ = ("report", "root", "rootless")

    def __init__(self, root: str, report: Report, rootless: str) -> None:
        self.root = root
        self.report = report
        self.rootless = rootless


def main() -> NoReturn:
    """Run the command line of this process and end it."""
    status = execute(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:
        status = status or 1
    os._exit(status)


def execute(words: list[str]) -> int:
    """Run one command line; the exit status."""
    report = Report("", "text", False)
    try:
        options, words = flags.parse(ROWS, words)
        report = _report(options)
        return _dispatch(options, words, report)
    except Refusal as refusal:
        report.error(refusal.message)
        return refusal.status
    except OSError as error:
        report.error(_sentence(error))
    except ValueError as error:
        report.error(str(error))
    except KeyboardInterrupt:
        return 130
    return 1


def _sentence(error: OSError) -> str:
    text = error.strerror or str(error)
    return f"{error.filename}: {text}" if error.filename else text


def _report(options: dict[str, Any]) -> Report:
    form = options["log-format"] or "text"
    if form not in ("text", "json"):
        raise Refusal("invalid log-format: " + form)
    return Report(options["log"], form, options["debug"])


def _dispatch(options: dict[str, Any], words: list[str], report: Report) -> int:
    if options["version"]:
        sys.stdout.write(_version())
        return 0
    if options["help"] or not words or words[0] in ("help", "h"):
        sys.stdout.write(_help())
        return 0
    name, *rest = words
    if name not in VERBS:
        raise Refusal(f"no help topic for '{name}'", 3)
    if name in SEALED:
        seal()  # first, so that what the command imports is not imported twice
    verb = _load(name)
    if "-h" in rest[:1] or "--help" in rest[:1]:
        sys.stdout.write(_verb_help(name, verb))
        return 0
    if options["systemd-cgroup"]:
        raise Refusal(
            "--systemd-cgroup is not supported: use the cgroupfs manager "
            "(podman --cgroup-manager=cgroupfs; SystemdCgroup = false for containerd)"
        )
    context = Context(options["root"] or _default_root(), report, options["rootless"])
    chosen, arguments = flags.parse(verb.ROWS, rest)
    return verb.run(context, chosen, arguments)


def _load(name: str) -> Verb:
    """The module of a command; imported by name so that a start costs only what it needs."""
    module = f"wherry.runtime.oci.verbs.{name}"
    __import__(module)
    loaded: Any = sys.modules[module]
    verb: Verb = loaded
    return verb


def _default_root() -> str:
    """As runc: the user's own runtime directory unless root."""
    home = os.environ.get("XDG_RUNTIME_DIR", "")
    return "/run/wherry-oci" if os.geteuid() == 0 or not home else f"{home}/wherry-oci"


def _version() -> str:
    return f"wherry-oci version {VERSION}\nspec: {OCI_VERSION}\n"


def _help() -> str:
    commands = "".join(f"   {name:10}{text}\n" for name, text in VERBS.items())
    return (
        "NAME:\n   wherry-oci - Open Container Initiative runtime\n\n"
        "USAGE:\n   wherry-oci [global options] command [command options] [arguments...]\n\n"
        f"COMMANDS:\n{commands}\nGLOBAL OPTIONS:\n{flags.describe(ROWS)}"
    )


def _verb_help(name: str, verb: Verb) -> str:
    return (
        f"NAME:\n   wherry-oci {name} - {VERBS[name]}\n\n"
        f"USAGE:\n   wherry-oci {name} [command options] {verb.ARGUMENTS}\n\n"
        f"OPTIONS:\n{flags.describe(verb.ROWS)}"
    )
