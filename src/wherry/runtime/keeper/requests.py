"""What clients may ask of the keeper: one method for each "op" of `wherry.runtime.protocol`."""

from __future__ import annotations

import errno
import os
import sys
from fcntl import ioctl

from wherry.runtime.jsonfile import CopiedLog, JsonFile
from wherry.runtime.keeper.launch import Launch
from wherry.runtime.keeper.process import Process
from wherry.runtime.log import SPOOL_FILES, SPOOL_SIZE, Log
from wherry.runtime.protocol import VERSION, close_all, failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.runtime.keeper.clients import Client, Clients
    from wherry.runtime.keeper.exits import Exits
    from wherry.runtime.keeper.launcher import Launcher
    from wherry.runtime.keeper.loop import Loop
    from wherry.runtime.keeper.oneshots import OneShots
    from wherry.runtime.keeper.process import Reactions
    from wherry.runtime.keeper.streams import Streams
    from wherry.runtime.protocol import Message

_TIOCGPTPEER = 0x5441  # ioctl_tty(2)


class Refused(Exception):
    """A request that cannot be done; becomes the answer's "error"."""

    def __init__(self, error: int, text: str, step: str = "keeper") -> None:
        super().__init__(text)
        self.message = failure(step, error, text)


class Requests:
    """Serves requests. The table of processes is shared with nobody else."""

    def __init__(
        self,
        exec_root: str,
        loop: Loop,
        clients: Clients,
        launcher: Launcher,
        streams: Streams,
        exits: Exits,
        on: Reactions,
    ) -> None:
        self.processes: dict[str, Process] = {}
        self.one_shots: OneShots | None = None
        self._exec_root = exec_root
        self._loop = loop
        self._clients = clients
        self._launcher = launcher
        self._streams = streams
        self._exits = exits
        self._on = on
        self._table: dict[str, Callable[[Client, Message, list[int]], Message | None]] = {
            "ping": self._ping,
            "start": self._start,
            "exec": self._exec,
            "follow": self._follow,
            "seen": self._seen,
            "unfollow": self._unfollow,
            "close_stdin": self._close_stdin,
            "adopt": self._adopt,
            "list": self._list,
            "forget": self._forget,
            "shutdown": self._shutdown,
        }

    def handle(self, client: Client, message: Message, fds: list[int]) -> None:
        """Serve one request; its descriptors are closed unless the request is a launch."""
        try:
            serve = self._table.get(message.get("op", ""))
            if serve is None:
                raise Refused(errno.ENOSYS, f"no such request: {message.get('op')!r}")
            answer = serve(client, message, fds)
        except Refused as refused:
            answer = {"error": refused.message}
        except (KeyError, TypeError) as error:
            answer = {"error": failure("keeper", errno.EINVAL, f"malformed request: {error!r}")}
        except OSError as error:
            answer = {"error": failure("keeper", error.errno or 0, str(error))}
        except Exception as error:  # noqa: BLE001 - whoever asks must not wait for ever
            sys.excepthook(*sys.exc_info())
            answer = {"error": failure("keeper", 0, f"a fault of the keeper's own: {error!r}")}
        finally:
            close_all(fds)
        if answer is not None and "seq" in message:
            answer["re"] = message["seq"]
            client.send(answer)

    def client_gone(self, client: Client) -> None:
        """A client has left: nobody waits for it any more."""
        self._streams.forget_client(client, self.processes.values())

    def _ping(self, client: Client, message: Message, fds: list[int]) -> Message:
        return {"version": VERSION, "pid": os.getpid(), "launcher": self._launcher.pid}

    def _start(self, client: Client, message: Message, fds: list[int]) -> None:
        self._launch(client, message, fds, "", self._log(message))

    def _exec(self, client: Client, message: Message, fds: list[int]) -> None:
        container = self._process(message["container"])
        if container.status is not None:
            raise Refused(errno.ESRCH, f"container {container.id} is not running")
        self._launch(client, message, fds, container.id, None)

    def _launch(
        self, client: Client, message: Message, fds: list[int], container: str, log: Log | None
    ) -> None:
        id = message["id"]
        if id in self.processes:
            raise Refused(errno.EEXIST, f"{id} was started already")
        log_or_spool = log or self._spool(container or id, id)
        process = Process(id, container, self._on, log_or_spool, spool=log is None)
        process.note = message.get("note")
        self._exits.remove_record(process)
        launch = Launch(process, self._loop, _Answer(self, client, message), _take_terminal)
        try:
            launch.prepare(message["terminal"], message["stdin"])
        except OSError:
            launch.close()
            process.close()
            raise
        self.processes[id] = process
        if "runtime" in message["plan"]:
            launch.vouched = True
            self._other_runtimes().launch(launch, message, fds)
        else:
            self._launcher.launch(launch, message, fds)
        fds.clear()

    def _other_runtimes(self) -> OneShots:
        if self.one_shots is None:
            from wherry.runtime.keeper.oneshots import OneShots

            self.one_shots = OneShots(self._loop)
        return self.one_shots

    def launched(self, process: Process, client: Client, message: Message) -> None:
        """A launch has come to execve: begin to watch it, and answer."""
        self._exits.watch(process)
        names, fds = process.descriptors()
        answer = {
            "re": message.get("seq", 0),
            "pid": process.pid,
            "begin": process.begin,
            "directory": process.log.directory,
            "fds": names,
        }
        client.send(answer, fds)
        if (number := message.get("follower")) is not None and client.connected:
            self._streams.follow(process, client, number, process.begin)
        self._streams.begin(process)

    def failed(self, process: Process, client: Client, message: Message, error: Message) -> None:
        """A launch has failed, and its child is gone."""
        for fd, _ in process.outputs():
            self._loop.forget(fd)
        process.close()
        del self.processes[process.id]
        client.send({"re": message.get("seq", 0), "error": error})

    def _follow(self, client: Client, message: Message, fds: list[int]) -> None:
        process = self._process(message["stream"])
        offset = message["offset"]
        log = process.log
        answer = {
            "re": message.get("seq", 0),
            "begin": log.begin,
            "end": log.end,
            "ended": process.ended,
            "directory": log.directory,
        }
        client.send(answer)  # before the events
        start = log.end if offset is None else offset
        self._streams.follow(process, client, message["follower"], start)

    def _seen(self, client: Client, message: Message, fds: list[int]) -> None:
        if process := self.processes.get(message["stream"]):
            self._streams.seen(process, client, message["follower"], message["offset"])

    def _unfollow(self, client: Client, message: Message, fds: list[int]) -> None:
        if process := self.processes.get(message["stream"]):
            self._streams.unfollow(process, client, message["follower"])

    def _close_stdin(self, client: Client, message: Message, fds: list[int]) -> Message:
        process = self._process(message["stream"])
        if process.stdin >= 0:
            os.close(process.stdin)
            process.stdin = -1
        return {}

    def _adopt(self, client: Client, message: Message, fds: list[int]) -> None:
        process = self._process(message["stream"])
        names, held = process.descriptors()
        client.send({"re": message.get("seq", 0), "pid": process.pid, "fds": names}, held)

    def _list(self, client: Client, message: Message, fds: list[int]) -> Message | None:
        """A launch by another runtime takes long: it is waited for, so that no list lacks it."""
        if self.one_shots is not None and self.one_shots.busy:
            self.one_shots.when_idle(
                lambda: client.send({**self._rows(), "re": message.get("seq", 0)})
            )
            return None
        return self._rows()

    def _rows(self) -> Message:
        started = [process for process in self.processes.values() if process.pid]
        return {"processes": [process.describe() for process in started]}

    def _forget(self, client: Client, message: Message, fds: list[int]) -> Message:
        process = self._process(message["id"])
        family = [p for p in self.processes.values() if p.container == process.id]
        for member in (*family, process):
            if member.status is None:
                raise Refused(errno.EBUSY, f"{member.id} has not exited")
        for member in (*family, process):
            self._streams.end(member)
            del self.processes[member.id]
            member.close()
            self._exits.remove_record(member)
        return {}

    def _shutdown(self, client: Client, message: Message, fds: list[int]) -> Message:
        running = [p for p in self.processes.values() if p.status is None]
        if running:
            raise Refused(errno.EBUSY, f"{len(running)} processes are running")
        self._loop.stop()
        return {}

    def _process(self, id: str) -> Process:
        process = self.processes.get(id)
        if process is None:
            raise Refused(errno.ENOENT, f"no process {id}")
        return process

    def _log(self, message: Message) -> Log | None:
        log = message.get("log")
        if log is None:
            return None
        directory, size, files = log["directory"], log["max_size"], log["max_files"]
        if (path := log.get("json_file")) is None:
            return Log(directory, size, files)
        copy = JsonFile(path, log["json_size"], log["json_files"])
        return CopiedLog(directory, size, files, copy)

    def _spool(self, container: str, id: str) -> Log:
        directory = f"{self._exec_root}/containers/{container}/spool-{id}"
        return Log(directory, SPOOL_SIZE, SPOOL_FILES)


class _Answer:
    """What is done when a launch has succeeded or failed."""

    __slots__ = ("_client", "_message", "_requests")

    def __init__(self, requests: Requests, client: Client, message: Message) -> None:
        self._requests = requests
        self._client = client
        # Without the plan, which is large and not wanted again.
        self._message: Message = {}
        for key in ("seq", "follower"):
            if key in message:
                self._message[key] = message[key]

    def __call__(self, launch: Launch, error: Message | None) -> None:
        if error is None:
            self._requests.launched(launch.process, self._client, self._message)
        else:
            self._requests.failed(launch.process, self._client, self._message, error)


def _take_terminal(process: Process, master: int) -> None:
    """Keep the terminal that the child has opened.

    The keeper holds the other side too while the process lives: a process that closes its last
    descriptor of the terminal and opens it again later would otherwise look like the end.
    """
    os.set_blocking(master, False)
    process.peer = ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    process.out = master
