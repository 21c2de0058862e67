"""Starting this machine's daemon when none answers.

One lock file makes sure that of several commands at once only one starts a daemon; the others
wait for the same socket.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time

from wherry.cli.failures import Failure
from wherry.cli.host import DEFAULT_EXEC_ROOT
from wherry.cli.http import Connection
from wherry.cli.output import STDERR, is_terminal, write_text
from wherry.cli.signals import SIGINT, SIGPIPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.cli.host import Host

_WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.02
_LAST_WORDS = 4096
_OPEN_LOG = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC


def start_daemon(host: Host) -> Connection:
    """Start a daemon that serves `host`, wait until it does, and connect.

    Raises `Failure` with the daemon's last words when it does not come up.
    """
    exec_root = (os.environ.get("WHERRY_EXEC_ROOT") or DEFAULT_EXEC_ROOT).rstrip("/")
    lock = _lock(exec_root, host)
    try:
        connection = _try_connect(host)  # another command may have been quicker
        return connection or _start(host, exec_root)
    finally:
        os.close(lock)


def _lock(exec_root: str, host: Host) -> int:
    path = f"{exec_root}.start.lock"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Failure(
            f"Cannot connect to the Wherry daemon at {host.text}, and cannot start one:"
            f" {path}: {(error.strerror or '').lower()} (is this root?)"
        ) from None
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _start(host: Host, exec_root: str) -> Connection:
    log_path = f"{exec_root}.log"
    log = os.open(log_path, _OPEN_LOG, 0o640)
    start = os.fstat(log).st_size
    if is_terminal(STDERR):
        write_text(STDERR, f"Starting the wherry daemon (log: {log_path})\n")
    try:
        pid = _spawn(daemon_command(os.environ, exec_root, host), log)
    finally:
        os.close(log)
    return _await(host, pid, log_path, start)


def daemon_command(environ: Mapping[str, str], exec_root: str, host: Host) -> list[str]:
    """The daemon's command line."""
    command = [sys.executable, "-I", "-m", "wherry.daemon", "-H", host.text]
    if environ.get("WHERRY_DATA_ROOT"):
        command += ["--data-root", environ["WHERRY_DATA_ROOT"]]
    if environ.get("WHERRY_EXEC_ROOT"):
        command += ["--exec-root", exec_root, "--pidfile", f"{exec_root}.pid"]
    return command


def _spawn(command: list[str], log: int) -> int:
    """The daemon in a session of its own, away from this terminal and directory."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    actions = [
        (os.POSIX_SPAWN_DUP2, null, 0),
        (os.POSIX_SPAWN_DUP2, log, 1),
        (os.POSIX_SPAWN_DUP2, log, 2),
    ]
    here = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    os.chdir("/")
    try:
        return os.posix_spawn(
            command[0],
            command,
            os.environ,
            file_actions=actions,
            setsid=True,
            setsigdef=[SIGINT, SIGPIPE],
        )
    finally:
        os.fchdir(here)
        os.close(here)
        os.close(null)


def _await(host: Host, pid: int, log_path: str, start: int) -> Connection:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline:
        connection = _try_connect(host)
        if connection:
            return connection
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            reason = f"it ended with status {os.waitstatus_to_exitcode(status)}"
            raise Failure(_complaint(reason, log_path, start))
        time.sleep(_POLL_SECONDS)
    reason = f"it does not answer at {host.text} after {_WAIT_SECONDS:.0f} seconds"
    raise Failure(_complaint(reason, log_path, start))


def _complaint(reason: str, log_path: str, start: int) -> str:
    words = _last_words(log_path, start)
    told = f"; its last words:\n{words}" if words else ""
    return f"The wherry daemon did not start: {reason} (log: {log_path}){told}"


def _last_words(log_path: str, start: int) -> str:
    with open(log_path, "rb") as log:
        log.seek(max(start, os.fstat(log.fileno()).st_size - _LAST_WORDS))
        return log.read().decode("utf-8", "replace").strip()


def _try_connect(host: Host) -> Connection | None:
    try:
        return Connection(host.address)
    except OSError:
        return None
