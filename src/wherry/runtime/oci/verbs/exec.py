"""exec: a further process in a running container."""

from __future__ import annotations

import os
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_SEQPACKET, socketpair

from wherry import jsontext
from wherry.errors import Invalid
from wherry.kernel import process as processes
from wherry.runtime import join, plan, protocol
from wherry.runtime.failure import Failure
from wherry.runtime.oci import bundle, console, foreground
from wherry.runtime.oci.begin import DefaultSignals, preserved, write_pid_file
from wherry.runtime.oci.container import PAUSED, STOPPED, load
from wherry.runtime.oci.flags import LIST, NUMBER, SWITCH, TEXT
from wherry.runtime.oci.refusal import Refusal
from wherry.runtime.start import Child
from wherry.spec import runtime_checks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.launch import Launched
    from wherry.runtime.oci.container import Container
    from wherry.runtime.oci.main import Context

    Process = dict[str, Any]

FAILED = 255
"""What runc's exec ends with when the process could not be started."""
ROWS = (
    ("console-socket", TEXT, "path to a unix socket which will receive the terminal's master"),
    ("cwd", TEXT, "current working directory in the container"),
    ("env,e", LIST, "set environment variables"),
    ("tty,t", SWITCH, "allocate a pseudo-TTY"),
    ("user,u", TEXT, "UID (format: <uid>[:<gid>])"),
    ("additional-gids,g", LIST, "additional gids"),
    ("process,p", TEXT, "path to the process.json"),
    ("detach,d", SWITCH, "detach from the container's process"),
    ("pid-file", TEXT, "file to write the process id to"),
    ("process-label", TEXT, "set the SELinux label of the process"),
    ("apparmor", TEXT, "set the AppArmor profile of the process"),
    ("no-new-privs", SWITCH, "set the no new privileges value for the process"),
    ("cap,c", LIST, "add a capability to the sets of the process"),
    ("preserve-fds", NUMBER, "pass N additional file descriptors to the container"),
    ("cgroup", LIST, "run the process in an (existing) sub-cgroup: [<controller>:]<cgroup>"),
    ("ignore-paused", SWITCH, "allow exec in a paused container"),
)
ARGUMENTS = "<container-id> <command> [command options]  || -p process.json <container-id>"


def run(context: Context, options: dict[str, Any], words: list[str]) -> int:
    """The process's exit status, 0 once it runs detached, 255 if it could not be started."""
    if not words or (len(words) < 2 and not options["process"]):
        needed = 1 if options["process"] else 2
        raise Refusal(f'wherry-oci: "exec" requires a minimum of {needed} argument(s)')
    try:
        container = load(context.root, words[0])
        _check(container, options)
        process = _process(container, options, words[1:])
        return _start(container, process, options)
    except Refusal as refusal:
        raise Refusal(f"exec failed: {refusal.message}", FAILED) from None
    except Failure as failure:
        text = f"exec failed: unable to start container process: {failure.text}"
        raise Refusal(text, FAILED) from None


def _check(container: Container, options: dict[str, Any]) -> None:
    status = container.status()
    if status == STOPPED:
        raise Refusal("cannot exec in a stopped container")
    if status == PAUSED and not options["ignore-paused"]:
        raise Refusal("cannot exec in a paused container (use --ignore-paused to override)")


def _process(container: Container, options: dict[str, Any], args: list[str]) -> Process:
    """The process of the file given, or the container's own with the flags' changes."""
    if options["process"]:
        process: Process = jsontext.read(options["process"])
    else:
        process = {**container.spec["process"], "args": args, "terminal": False}
        _apply(process, options)
    if options["tty"]:
        process["terminal"] = True
    try:
        runtime_checks.validate_process(process)
    except Invalid as error:
        raise Refusal(error.message) from None
    bundle.check_terminal(
        bool(process.get("terminal")), options["detach"], options["console-socket"]
    )
    return process


def _apply(process: Process, options: dict[str, Any]) -> None:
    if options["cwd"]:
        process["cwd"] = options["cwd"]
    process["env"] = [*(process.get("env") or ()), *options["env"]]
    if options["user"]:
        process["user"] = _user(options["user"])
    user = process.get("user") or {}
    gids = [*(user.get("additionalGids") or ()), *map(_id, options["additional-gids"])]
    process["user"] = {**user, "additionalGids": gids}
    if options["apparmor"]:
        process["apparmorProfile"] = options["apparmor"]
    if options["process-label"]:
        process["selinuxLabel"] = options["process-label"]
    if "no-new-privs" in options[""]:
        process["noNewPrivileges"] = options["no-new-privs"]
    if options["cap"]:
        sets = process.get("capabilities") or {}
        names = ("bounding", "effective", "permitted", "ambient")
        process["capabilities"] = {
            **sets,
            **{name: [*(sets.get(name) or ()), *options["cap"]] for name in names},
        }


def _user(text: str) -> dict[str, Any]:
    uid, colon, gid = text.partition(":")
    return {"uid": _id(uid), "gid": _id(gid) if colon else 0}


def _id(text: str) -> int:
    if not text.isdecimal():
        raise Refusal(f"parsing {text} as int for uid failed: only numbers are known here")
    return int(text)


def _start(container: Container, process: Process, options: dict[str, Any]) -> int:
    ours, its = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)
    target = processes.pidfd_open(container.pid)
    terminal = bool(process.get("terminal"))
    child = Child(its.fileno(), (-1, -1, -1) if terminal else (0, 1, 2), [target])
    drafted = _plan(container, process, options)
    with DefaultSignals():
        made = join.join(drafted, child, 0)
    its.close()
    try:
        master = _lead(ours, process, options["console-socket"])
        write_pid_file(options["pid-file"], made.pid)
    except (Refusal, OSError):
        _end(made)
        raise
    if options["detach"]:
        return 0
    return foreground.stay(made.pidfd, master)


def _plan(container: Container, process: Process, options: dict[str, Any]) -> plan.Plan:
    cgroup = container.cgroup
    for place in options["cgroup"]:
        cgroup = _sub_cgroup(container, place)
    return plan.plan_join(
        process,
        namespaces=(container.spec.get("linux") or {}).get("namespaces") or (),
        cgroup=plan.CgroupPlace.of(cgroup),
        seccomp=bundle.compiled_seccomp(container.spec),
        keyring=f"_ses.{container.id}",
        preserve_fds=preserved(options["preserve-fds"]),
    )


def _sub_cgroup(container: Container, place: str) -> Any:
    """The container's cgroup with one directory exchanged for one below it."""
    controllers, colon, path = place.rpartition(":")
    named = controllers.split(",") if colon else [*container.cgroup.v1]
    v1 = dict(container.cgroup.v1)
    for name in named:
        if name not in v1:
            raise Refusal(f"unknown controller {name} in --cgroup {place}")
        v1[name] = _below(v1[name], path)
    v2 = _below(container.cgroup.v2, path) if not v1 else container.cgroup.v2
    return type(container.cgroup)(v1, v2)


def _below(directory: str, path: str) -> str:
    joined = os.path.normpath(f"{directory}/{path}")
    if joined != directory and not joined.startswith(directory + "/"):
        raise Refusal(f"bad sub cgroup path: {path}")
    if not os.path.isdir(joined):
        raise Refusal(f"sub-cgroup {joined} does not exist")
    return joined


def _lead(status: Any, process: Process, console_socket: str) -> int:
    """Answer the process until it is executed; its terminal's master if it stays with us."""
    master = -1
    while (received := protocol.receive(status)) is not None:
        message, fds = received
        if "error" in message:
            raise Refusal(f"unable to start container process: {message['error']['text']}")
        if message.get("pty"):
            console.set_size(fds[0], process.get("consoleSize"))
            master = console.hand_over(fds[0], console_socket)
    return master


def _end(made: Launched) -> None:
    try:
        processes.pidfd_send_signal(made.pidfd, 9)
    except ProcessLookupError:
        pass
    processes.wait_pidfd(made.pidfd)
