"""Terminals: handed over through a console socket, or relayed to the caller's own."""

from __future__ import annotations

import array
import fcntl
import json
import os
import pty
import select
import socket
import struct
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.oci_runtime.runtimes import Runtime, wait_until


class Console:
    """The other end of --console-socket, as conmon and containerd's shim implement it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.listener.settimeout(60)
        self.master = -1

    def receive(self) -> str:
        """Take the terminal; the name that came with it."""
        connection, _ = self.listener.accept()
        with connection:
            size = socket.CMSG_SPACE(array.array("i").itemsize)
            name, ancillary, _, _ = connection.recvmsg(4096, size)
        self.master = struct.unpack("i", ancillary[0][2])[0]
        return name.decode()

    def read_until(self, wanted: str) -> str:
        """Everything that the terminal shows up to and including `wanted`."""
        return read_until(self.master, wanted)


def read_until(master: int, wanted: str) -> str:
    text = ""

    def arrived() -> bool:
        nonlocal text
        if not select.select([master], [], [], 0.1)[0]:
            return False
        try:
            text += os.read(master, 4096).decode()
        except OSError:  # EIO: nobody has the other side open any more
            assert wanted in text, text
        return wanted in text

    wait_until(arrived, wanted)
    return text


@pytest.fixture
def console(runtime: Runtime) -> Iterator[Console]:
    made = Console(runtime.directory / "console.sock")
    yield made
    made.listener.close()
    if made.master >= 0:
        os.close(made.master)


def test_handed_over(runtime: Runtime, console: Console) -> None:
    runtime.bundle.process["terminal"] = True
    runtime.bundle.process["consoleSize"] = {"height": 33, "width": 111}
    script = "stty size; tty=$(readlink /proc/self/fd/0); echo on $tty; read line; echo got $line"
    runtime.create("--console-socket", str(console.path), script=script)
    assert console.receive()
    runtime.ok("start", runtime.id)
    assert "33 111" in console.read_until("on /dev/pts/0")
    os.write(console.master, b"words\n")
    console.read_until("got words")
    wait_until(lambda: runtime.status() == "stopped", "the end")


def test_control_characters_reach_the_program(runtime: Runtime, console: Console) -> None:
    runtime.bundle.process["terminal"] = True
    script = "trap 'echo interrupted; exit 3' INT; echo ready; while :; do sleep 0.05; done"
    runtime.create("--console-socket", str(console.path), script=script)
    console.receive()
    runtime.ok("start", runtime.id)
    console.read_until("ready")
    os.write(console.master, b"\x03")
    console.read_until("interrupted")


def test_of_an_exec(runtime: Runtime, console: Console) -> None:
    runtime.start()
    process = {
        **runtime.bundle.process,
        "terminal": True,
        "args": ["sh", "-c", "stty size; sleep 1"],
    }
    process["consoleSize"] = {"height": 22, "width": 99}
    path = runtime.directory / "process.json"
    path.write_text(json.dumps(process))
    flags = ("--detach", "--console-socket", str(console.path), "--process", str(path))
    runtime.ok("exec", *flags, runtime.id)
    console.receive()
    console.read_until("22 99")


def test_a_socket_that_nobody_listens_on(runtime: Runtime) -> None:
    runtime.bundle.process["terminal"] = True
    runtime.bundle.write()
    flags = ("--console-socket", str(runtime.directory / "nobody"))
    assert runtime.refused("create", *flags, "--bundle", str(runtime.bundle.path), runtime.id)
    assert runtime.left_behind() == []


@pytest.mark.parametrize("verb", ["run", "exec"])
def test_relayed(runtime: Runtime, verb: str) -> None:
    script = "sleep 0.3; stty size; read line; echo got $line; exit 6"  # runc's exec sizes it late
    if verb == "exec":
        runtime.start()
        words = runtime.command("exec", "--tty", runtime.id, "sh", "-c", script)
    else:
        runtime.bundle.process["terminal"] = True
        runtime.bundle.shell(script)
        runtime.bundle.write()
        words = runtime.command("run", "--bundle", str(runtime.bundle.path), runtime.id)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 88, 0, 0))
    with subprocess.Popen(
        words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    ) as process:
        read_until(master, "44 88")
        os.write(master, b"words\n")
        read_until(master, "got words")
        assert process.wait(60) == 6
    os.close(master)
    os.close(slave)
