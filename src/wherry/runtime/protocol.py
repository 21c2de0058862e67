"""What daemon, keeper, launcher and container child say to each other, and how it is framed.

Every message is a dict of plain values (None, bool, int, str, bytes, list, tuple, dict), written
by `marshal` (format 2) as one SOCK_SEQPACKET packet behind one byte that tells the form:

    0   the message itself follows
    1   the message is the content of a memfd, the first descriptor sent along (longer ones)

Descriptors travel with the packet (SCM_RIGHTS). All peers are processes of one user on one
machine and of one version of Wherry (`VERSION` is compared on `ping`), so that marshal's two
weaknesses, trust in the sender and no promise between versions, do not matter.

Daemon to keeper. A request has "op" and, unless it wants no answer, "seq"; the answer has the same
number in "re", and "error": {"step", "errno", "text"} when it failed:

    ping      {}                                 -> {version, pid, launcher}
    start     {id, plan, terminal, stdin, log, follower,
               note} + the plan's descriptors
                                                 -> {pid, begin, directory, fds} + descriptors
    exec      the same and {container}, no log   -> the same
    follow    {stream, follower, offset | None}  -> {begin, end, ended, directory}, then events
    seen      {stream, follower, offset}         no answer: the follower has read up to here
    unfollow  {stream, follower}                 no answer
    close_stdin {stream}                         -> {}
    adopt     {stream}                           -> {pid, fds} + descriptors
    list      {}                                 -> {processes: [Process.describe()]}
    forget    {id}                               -> {}   a process that exited, its execs too
    shutdown  {}                                 -> {}   refused (EBUSY) while something runs

Keeper to daemon, unasked:

    {event: "exit",  id, container, pid, status: raw wait status, time: ns, end}   to every client
    {event: "ended", id, end}           to every client, after the last byte is in the log
    {event: "grown", follower, end}     to a follower; one is outstanding until its `seen`

An exit whose "end" is not None tells at once that the output ended there; no "ended" follows.
"log" is {directory, max_size, max_files}, with {json_file, json_size, json_files} for a copy in
Docker's format (path, bytes of a file, number of files), or None: then output goes to a small
spool, which holds back the process when a follower lags, and drops the oldest when nobody follows.
"note" is bytes or None, which `list` gives back. "follower" is
a number of the client's choice; in start and exec (where it may be None) it makes the client a
follower from "begin" without a request of its own. "fds" names the descriptors sent along, from
`ROLES`.

A plan with "runtime" is for another runtime's command line (`wherry.runtime.foreign.plan`).

Keeper to launcher: {op: "launch" | "join", seq, plan, status, stdio: [in, out, err], terminal};
the plan's descriptors come first, so that ("fd", n) in a plan counts from the packet's first;
`status` and `stdio` are indexes behind them, or -1 (that one is /dev/null, or the terminal).
Launcher to keeper: {re, pid} + [pidfd, rootfs mount descriptor if any], or {re, error}.

Container child to keeper, on the status socket, which execve closes: {pty: True} + [master],
{error: {step, errno, text}}. End of file without an error: execve has happened.
"""

from __future__ import annotations

import marshal
import os
from _socket import (
    AF_UNIX,
    CMSG_SPACE,
    MSG_CMSG_CLOEXEC,
    MSG_CTRUNC,
    MSG_NOSIGNAL,
    SCM_RIGHTS,
    SOCK_CLOEXEC,
    SOCK_SEQPACKET,
    SOL_SOCKET,
)
from _socket import socket as Socket
from _struct import Struct, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Message = dict[str, Any]

VERSION = 1
INLINE_LIMIT = 128 * 1024  # longer packets would not fit the kernel's default socket buffer
MAX_FDS = 253  # SCM_MAX_FD of the kernel: more in one packet is EINVAL

_FORMAT = 2  # of marshal: no references, so that equal strings stay independent and loads is quick
_INLINE, _MEMFD = b"\0", b"\1"
_ANCILLARY = CMSG_SPACE(MAX_FDS * 4)

STDOUT, STDERR = 1, 2

# What the descriptors in an answer to start, exec and adopt can be, in this order.
ROLES = ("pidfd", "stdin", "pty", "rootfs")

SOCKET_NAME = "keeper.sock"
PID_NAME = "keeper.pid"

# A log is a directory of pairs <n>.data (the raw bytes of both outputs, in order of arrival) and
# <n>.index (one RECORD for each piece that arrived), n being the offset of the first byte in
# NAME_DIGITS decimal digits. A record is written after its data: what it covers can be read.
RECORD = Struct("<QQIB3x")  # offset, time in ns since the epoch, length, STDOUT or STDERR
DATA_SUFFIX, INDEX_SUFFIX = ".data", ".index"
NAME_DIGITS = 20


def encode(message: Message) -> bytes:
    """`message` as a packet's bytes. Raises ValueError for a value that is not plain."""
    return marshal.dumps(message, _FORMAT)


def decode(payload: bytes) -> Message:
    """The inverse of `encode`. Raises ValueError, EOFError or TypeError for anything else."""
    message = marshal.loads(payload)
    if type(message) is not dict:
        raise ValueError("not a message")
    return message


def send(sock: Socket, message: Message, fds: Sequence[int] = ()) -> None:
    """Send one message with descriptors, which stay the caller's.

    Raises BlockingIOError when the socket is full and non-blocking, BrokenPipeError or
    ConnectionResetError when the peer is gone, ValueError for a value that is not plain.
    """
    send_encoded(sock, encode(message), fds)


def send_encoded(sock: Socket, payload: bytes, fds: Sequence[int] = ()) -> None:
    """Like `send`, for a message that is encoded already (to be sent twice, or queued)."""
    if len(payload) <= INLINE_LIMIT:
        _send_packet(sock, [_INLINE, payload], fds)
        return
    memfd = _memfd(payload)
    try:
        _send_packet(sock, [_MEMFD], [memfd, *fds])
    finally:
        os.close(memfd)


def receive(sock: Socket) -> tuple[Message, list[int]] | None:
    """Receive one message with its descriptors, which become the caller's; None at the end.

    The descriptors are close-on-exec. Raises BlockingIOError on an empty non-blocking socket,
    ValueError (EOFError, TypeError) for a packet that is not a message, and OSError.
    """
    data, ancillary, flags, _ = sock.recvmsg(INLINE_LIMIT + 1, _ANCILLARY, MSG_CMSG_CLOEXEC)
    fds = [fd for level, kind, raw in ancillary for fd in _descriptors(level, kind, raw)]
    if not data:
        return None
    try:
        if flags & MSG_CTRUNC:
            raise ValueError("descriptors were lost: too many open files")
        if data[:1] == _INLINE:
            return decode(data[1:]), fds
        return decode(_take_memfd(fds)), fds
    except BaseException:
        close_all(fds)
        raise


def receive_sane(sock: Socket) -> tuple[Message, list[int]] | None:
    """`receive`, where a peer that broke or sends nonsense is one that hung up: None.

    Raises BlockingIOError on an empty non-blocking socket.
    """
    try:
        return receive(sock)
    except BlockingIOError:
        raise
    except (OSError, ValueError, EOFError, TypeError):
        return None


def connect(path: str) -> Socket:
    """A blocking connection to the keeper that listens at `path`. Raises OSError."""
    sock = Socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock


def log_name(offset: int, suffix: str) -> str:
    """The name of the file of a log that begins at `offset`."""
    return f"{offset:0{NAME_DIGITS}d}{suffix}"


def log_offsets(directory: str) -> list[int]:
    """Where the files of a log begin, in order; empty when there is no log. Raises OSError."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    length = NAME_DIGITS + len(DATA_SUFFIX)
    return sorted(
        int(name[:NAME_DIGITS])
        for name in names
        if len(name) == length and name.endswith(DATA_SUFFIX)
    )


def close_all(fds: Sequence[int]) -> None:
    """Close descriptors; -1 stands for one that there is not."""
    for fd in fds:
        if fd >= 0:
            os.close(fd)


def failure(step: str, error: int, text: str) -> Message:
    """The value of "error": which step failed, the kernel's errno (or 0), on what and why."""
    return {"step": step, "errno": error, "text": text}


def _send_packet(sock: Socket, parts: Sequence[bytes], fds: Sequence[int]) -> None:
    if fds:
        rights = Struct(f"{len(fds)}i").pack(*fds)
        sock.sendmsg(parts, [(SOL_SOCKET, SCM_RIGHTS, rights)], MSG_NOSIGNAL)
    else:
        sock.sendmsg(parts, [], MSG_NOSIGNAL)


def _descriptors(level: int, kind: int, raw: bytes) -> tuple[int, ...]:
    if level != SOL_SOCKET or kind != SCM_RIGHTS:
        return ()
    count = len(raw) // 4
    return unpack(f"{count}i", raw[: count * 4])


def _memfd(payload: bytes) -> int:
    memfd = os.memfd_create("wherry-message", os.MFD_CLOEXEC)
    try:
        view = memoryview(payload)
        while view:
            view = view[os.write(memfd, view) :]
    except BaseException:
        os.close(memfd)
        raise
    return memfd


def _take_memfd(fds: list[int]) -> bytes:
    if not fds:
        raise ValueError("a long message came without its memfd")
    memfd = fds.pop(0)
    try:
        size = os.fstat(memfd).st_size
        return os.pread(memfd, size, 0)
    finally:
        os.close(memfd)
