"""The runtime's command line: run one verb, hand over its terminal, understand its complaint."""

from __future__ import annotations

import os
import select
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM, socket

from wherry import jsontext
from wherry.kernel.process import pidfd_open, wait_pidfd
from wherry.runtime.failure import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

STEP = "runtime"
_PREFIXES = (
    "runc create failed: ",
    "runc run failed: ",
    "exec failed: ",
    "unable to start container process: ",
)
"""What callers of ours say already (`wherry.engine.containers.launch_errors`)."""
_REWORDED = {
    "open executable: Operation not permitted": "open executable: permission denied",  # crun
}
"""Complaints without the words from which Docker's clients know the exit code."""
# Words of a complaint, the first that fits, and the errno that they stand for.
_ERRNOS = (
    ("executable file not found", 2),
    ("no such file or directory", 2),
    ("is a directory", 21),
    ("not a directory", 20),
    ("permission denied", 13),
    ("operation not permitted", 1),
    ("exec format error", 8),
)
_ERRNO_TEXTS = {os.strerror(number).lower() for _, number in _ERRNOS}
_LOG_LIMIT = 1 << 20


class CommandLine:
    """One runtime, told to work in `directory`; its log is a file there, made anew each time."""

    def __init__(self, runtime: Sequence[str], directory: str, log: str) -> None:
        self._runtime = runtime
        self._directory = directory
        self._log = f"{directory}/{log}"

    def run(
        self,
        *words: str,
        stdio: Sequence[int] = (-1, -1, -1),
        tasks: Sequence[str] = (),
        console: Console | None = None,
    ) -> None:
        """Run a verb to its end; -1 in `stdio` is /dev/null. Raises Failure in its words."""
        log = ["--log", self._log, "--log-format", "json"]
        argv = [*self._runtime, *log, *words]
        pid = os.fork()
        if pid == 0:
            _become(argv, self._directory, stdio, tasks)
        pidfd = pidfd_open(pid)
        try:
            if console is not None:
                console.wait(pidfd)
            status = wait_pidfd(pidfd)
        finally:
            os.close(pidfd)
        complaint = self._complaint()
        if status:
            raise self._failure(argv, status, complaint)

    def _failure(self, argv: Sequence[str], status: int, complaint: str) -> Failure:
        if not complaint:
            how = f"signal {status & 0x7F}" if status & 0x7F else f"exit code {status >> 8}"
            complaint = f"{argv[0]} ended with {how} and said nothing"
        return Failure(errno_of(complaint), complaint, STEP)

    def _complaint(self) -> str:
        """The last error of the log, which is removed."""
        try:
            with open(self._log, "rb") as file:
                text = file.read(_LOG_LIMIT).decode(errors="replace")
            os.unlink(self._log)
        except FileNotFoundError:
            return ""
        return last_error(text)


def last_error(log: str) -> str:
    """The message of the last line of level error in a log of JSON lines."""
    found = ""
    for line in log.splitlines():
        try:
            row = jsontext.decode(line)
        except ValueError:
            continue
        if isinstance(row, dict) and row.get("level") in ("error", "fatal"):
            found = str(row.get("msg") or "").strip() or found
    return without_prefix(found)


def without_prefix(text: str) -> str:
    """A complaint without the words that whoever reports it puts in front."""
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    text = _REWORDED.get(text, text)
    above, colon, last = text.rpartition(": ")
    # Docker's clients know the exit code from Go's words for an errno, which are small.
    return f"{above}{colon}{last.lower()}" if last.lower() in _ERRNO_TEXTS else text


def errno_of(complaint: str) -> int:
    """The errno that a complaint speaks of; 0 where it speaks of none."""
    low = complaint.lower()
    return next((number for words, number in _ERRNOS if words in low), 0)


class Console:
    """The socket on which a runtime hands over the terminal that it made.

    `path` is relative to the runtime's working directory: a socket's path is short (unix(7)).
    """

    def __init__(self, directory: str, name: str, take: Callable[[int], None]) -> None:
        self.path = name
        self._full = f"{directory}/{name}"
        self._take = take
        self._socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)
        os.chdir(directory)
        self._socket.bind(name)
        self._socket.listen(1)

    def wait(self, pidfd: int) -> None:
        """Take the terminal, or return when the runtime has ended without one."""
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.register(self._socket.fileno(), select.POLLIN)
        ready = {fd for fd, _ in poll.poll()}
        if self._socket.fileno() in ready:
            self._receive()

    def _receive(self) -> None:
        number, _ = self._socket._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - what socket.accept calls
        peer = socket(AF_UNIX, SOCK_STREAM, 0, fileno=number)
        try:
            _, ancillary, *_ = peer.recvmsg(4096, 64)
            for _, _, raw in ancillary:
                self._take(int.from_bytes(raw[:4], "little"))
        finally:
            peer.close()

    def close(self) -> None:
        """Remove the socket."""
        self._socket.close()
        try:
            os.unlink(self._full)
        except FileNotFoundError:
            pass


def _become(
    argv: Sequence[str], directory: str, stdio: Sequence[int], tasks: Sequence[str]
) -> None:
    """In the forked child: the runtime, with these streams and nothing else open."""
    try:
        os.chdir(directory)
        for path in tasks:
            with open(path, "wb") as file:
                file.write(b"0")
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        kept = [os.dup(fd if fd >= 0 else null) for fd in stdio]
        for number, fd in enumerate(kept):
            os.dup2(fd, number)
        os.execve(argv[0], list(argv), {"PATH": os.environ.get("PATH", os.defpath)})
    except OSError as error:
        os.write(2, f"{argv[0]}: {error}\n".encode())
    finally:
        os._exit(127)
