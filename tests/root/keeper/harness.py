"""A keeper for a test, and a client that asks and listens synchronously."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wherry.runtime import protocol

HERE = Path(__file__).parent
SOURCE = Path(protocol.__file__).parents[2]
PATIENCE = 20.0  # seconds until a test gives up
KEEPER = "from wherry.runtime.keeper.main import main; main()"
Message = dict[str, Any]


class Answer(Exception):
    """The keeper refused."""

    def __init__(self, error: Message) -> None:
        super().__init__(str(error))
        self.error = error


class Client:
    """One connection to a keeper."""

    def __init__(self, path: str) -> None:
        self.sock = protocol.connect(path)
        self.sock.setblocking(False)
        self.events: list[Message] = []
        self._answers: dict[int, tuple[Message, list[int]]] = {}
        self._seq = 0

    def send(self, op: str, fds: Sequence[int] = (), **fields: Any) -> int:
        """Send a request without waiting for its answer."""
        self._seq += 1
        protocol.send(self.sock, {"op": op, "seq": self._seq, **fields}, fds)
        return self._seq

    def answer(self, seq: int) -> tuple[Message, dict[str, int]]:
        """Wait for the answer to a request: its fields, and its descriptors by role."""
        while seq not in self._answers:
            self._receive()
        message, fds = self._answers.pop(seq)
        if "error" in message:
            raise Answer(message["error"])
        return message, dict(zip(message.get("fds", ()), fds, strict=True))

    def ask(self, op: str, fds: Sequence[int] = (), **fields: Any) -> Message:
        """Send a request and wait for its answer."""
        message, got = self.answer(self.send(op, fds, **fields))
        protocol.close_all(list(got.values()))
        return message

    def event(self, kind: str, **fields: Any) -> Message:
        """Wait for an event with these fields."""
        wanted = {"event": kind, **fields}
        while True:
            for event in self.events:
                if wanted.items() <= event.items():
                    self.events.remove(event)
                    return event
            self._receive()

    def start(self, id: str, argv: Sequence[str], **fields: Any) -> tuple[Message, dict[str, int]]:
        """Start a process under the fake launcher."""
        return self.answer(self.send("start", **self._launch(id, argv, **fields)))

    def exec(
        self, container: str, id: str, argv: Sequence[str], **fields: Any
    ) -> tuple[Message, dict[str, int]]:
        """The same, as an exec."""
        launch = self._launch(id, argv, **fields)
        return self.answer(self.send("exec", container=container, **launch))

    def finish(self, id: str) -> None:
        """Wait until a process has exited and forget it."""
        self.wait_exit(id)
        self.ask("forget", id=id)

    def wait_exit(self, id: str) -> Message:
        """Wait until a process is known to have exited; its row of the table."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            row = self.row(id)
            if row["status"] is not None and row["ended"]:
                return row
            time.sleep(0.01)
        raise TimeoutError(id)

    def row(self, id: str) -> Message:
        """The process's row of the keeper's table."""
        rows = self.ask("list")["processes"]
        return next(row for row in rows if row["id"] == id)

    def close(self) -> None:
        """Hang up."""
        self.sock.close()

    def _receive(self) -> None:
        if not select.select([self.sock], [], [], PATIENCE)[0]:
            raise TimeoutError("the keeper says nothing")
        self._receive_now()

    def _receive_now(self) -> None:
        received = protocol.receive(self.sock)
        if received is None:
            raise ConnectionResetError("the keeper hung up")
        message, fds = received
        if "re" in message:
            self._answers[message["re"]] = message, fds
        else:
            self.events.append(message)

    def _launch(self, id: str, argv: Sequence[str], **fields: Any) -> Message:
        plan = {"argv": list(argv), **fields.pop("plan", {})}
        defaults = {
            "terminal": False, "stdin": False, "log": None, "follower": None,
        }  # fmt: skip
        return {"id": id, "plan": plan, **defaults, **fields}


class Keeper:
    """A running keeper with its exec root."""

    def __init__(self, root: Path, launcher: Sequence[str]) -> None:
        self.root = root
        read, write = os.pipe()
        code = f"import sys; sys.path.append({str(SOURCE)!r}); {KEEPER}"
        self.process = subprocess.Popen(
            [sys.executable, "-IS", "-c", code, str(root), str(write), "--", *launcher],
            pass_fds=[write],
            start_new_session=True,
        )
        os.close(write)
        assert os.read(read, 1) == b"\n"
        os.close(read)

    @property
    def path(self) -> str:
        """Its socket."""
        return str(self.root / protocol.SOCKET_NAME)

    def client(self) -> Client:
        """A new connection."""
        return Client(self.path)

    def stop(self) -> None:
        """Kill what runs, then ask the keeper to leave, and see that it does."""
        if self.process.poll() is not None:
            return
        client = self.client()
        for row in client.ask("list")["processes"]:
            if row["status"] is None:
                os.kill(row["pid"], 9)
            if not row["container"]:
                client.finish(row["id"])
        client.ask("shutdown")
        client.close()
        assert self.process.wait(PATIENCE) == 0
        assert os.listdir(self.root) == [], os.listdir(self.root)


def fake_launcher() -> list[str]:
    """How to start the fake launcher."""
    return [sys.executable, "-IS", str(HERE / "fake_launcher.py"), str(SOURCE)]


@contextmanager
def keeper(launcher: Sequence[str] | None = None) -> Iterator[Keeper]:
    """A keeper that is stopped, and has left nothing behind, when the block ends."""
    # Not pytest's tmp_path: a unix socket's path is limited to 108 bytes (unix(7)).
    with tempfile.TemporaryDirectory(prefix="k-", dir="/tmp") as directory:
        started = Keeper(Path(directory), launcher or fake_launcher())
        try:
            yield started
            started.stop()
        finally:
            started.process.kill()
            started.process.wait()


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
