"""`wherry` on a terminal and in pipes, against each engine: raw mode, resize, signals, streams."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.engines import Engine
from tests.terminal import Terminal

WHERRY = [sys.executable, "-I", "-c", "from wherry.cli.main import main; main()"]
RUN = ["run", "--rm", "--network", "none"]
PROMPT = "/ # "
CTRL_P_CTRL_Q = b"\x10\x11"

Pipe = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def pipe(engine: Engine) -> Pipe:
    """Run wherry with pipes as its streams."""

    def run(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [*WHERRY, *words]
        return subprocess.run(
            command, input=stdin, capture_output=True, env=engine.environment, timeout=120
        )

    return run


@pytest.fixture
def shell(engine: Engine) -> Iterator[str]:
    """A container with a shell on a terminal, that nobody is attached to."""
    name = f"shell-{os.getpid()}"
    engine.output("run", "-dit", "--name", name, "--network", "none", "busybox", "sh")
    yield name
    engine.output("rm", "-f", name)


def terminal(engine: Engine, *words: str) -> Terminal:
    return Terminal([*WHERRY, *words], engine.environment, size=(30, 90))


def state(engine: Engine, name: str) -> str:
    return engine.output("inspect", "-f", "{{.State.Status}}", name)


def test_an_interactive_shell(engine: Engine) -> None:
    with terminal(engine, *RUN, "-it", "busybox", "sh") as person:
        person.expect(PROMPT)
        person.resize(40, 100)
        person.send("sleep 0.5; stty size\n")
        person.expect("40 100")
        person.send("sleep 100\n")
        person.expect("sleep 100")
        time.sleep(0.3)
        person.send(b"\x03")
        person.expect(PROMPT)
        person.send("exit 5\n")
        assert person.end() == 5
    assert b"\r\r\n" not in person.seen


def test_the_size_is_known_from_the_start(engine: Engine) -> None:
    with terminal(engine, *RUN, "-t", "busybox", "sh", "-c", "sleep 0.5; stty size") as person:
        person.expect("30 90")
        assert person.end() == 0


def test_detach_from_run_and_attach_again(engine: Engine) -> None:
    name = f"left-{os.getpid()}"
    with terminal(
        engine, "run", "-it", "--name", name, "--network", "none", "busybox", "sh"
    ) as one:
        one.expect(PROMPT)
        one.send(CTRL_P_CTRL_Q)
        assert one.end() == 0
    assert state(engine, name) == "running"
    with terminal(engine, "attach", "--detach-keys", "ctrl-a,d", name) as other:
        other.send("echo o'n'e\n")
        other.expect("one")
        other.send(b"\x01d")
        other.expect("read escape sequence")
        assert other.end() == 1
    assert state(engine, name) == "running"
    engine.output("rm", "-f", name)


def test_attach_gives_the_exit_status(engine: Engine, shell: str) -> None:
    with terminal(engine, "attach", shell) as person:
        person.send("exit 4\n")
        assert person.end() == 4


def test_exec_on_a_terminal(engine: Engine, shell: str) -> None:
    with terminal(engine, "exec", "-it", shell, "sh") as person:
        person.expect(PROMPT)
        person.send("sleep 0.3; stty size; exit 9\n")
        person.expect("30 90")
        assert person.end() == 9
    with terminal(engine, "exec", "-it", shell, "sh") as person:
        person.expect(PROMPT)
        person.send(CTRL_P_CTRL_Q)
        person.expect("read escape sequence")
        assert person.end() == 1


def test_start_with_a_terminal(engine: Engine, shell: str) -> None:
    engine.output("kill", shell)
    engine.output("wait", shell)
    with terminal(engine, "start", "-ai", shell) as person:
        person.expect(PROMPT)
        person.send("exit 6\n")
        assert person.end() == 6


@pytest.mark.parametrize("name", ["INT", "TERM", "USR1"])
def test_signals_are_passed_on(engine: Engine, name: str) -> None:
    script = f"trap 'echo got; exit 8' {name}; echo ready; while :; do sleep 0.1; done"
    with terminal(engine, *RUN, "busybox", "sh", "-c", script) as person:
        person.expect("ready")
        person.process.send_signal(getattr(signal, f"SIG{name}"))
        person.expect("got")
        assert person.end() == 8


def test_streams_are_apart(pipe: Pipe) -> None:
    done = pipe(*RUN, "busybox", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_the_end_of_stdin_reaches_the_process(pipe: Pipe) -> None:
    done = pipe(*RUN, "-i", "busybox", "wc", "-c", stdin=b"x" * 1000)
    assert done.stdout == b"1000\n"


def test_large_streams_are_whole(pipe: Pipe) -> None:
    data = os.urandom(1 << 20) * 16
    done = pipe(*RUN, "-i", "busybox", "cat", stdin=data)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_detach_keys_in_a_pipe_are_data(pipe: Pipe) -> None:
    done = pipe(*RUN, "-i", "busybox", "cat", stdin=CTRL_P_CTRL_Q + b"x")
    assert done.stdout == CTRL_P_CTRL_Q + b"x"


def test_a_process_that_stops_reading(pipe: Pipe) -> None:
    done = pipe(*RUN, "-i", "busybox", "head", "-c", "3", stdin=b"abcdef" * 100_000)
    assert done.stdout == b"abc"
    assert done.returncode == 0


def test_a_reader_that_stops_reading(engine: Engine) -> None:
    whole = " ".join(["exec", *(f"'{word}'" for word in [*WHERRY, *RUN, "busybox", "yes"])])
    line = f"({whole}) | head -n 1"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, env=engine.environment, timeout=60
    )
    assert done.stdout == b"y\n"
    assert done.stderr == b""
    for container in engine.output("ps", "-q").split():
        engine.output("kill", container)


def test_exec_with_stdin(engine: Engine, pipe: Pipe, shell: str) -> None:
    done = pipe("exec", "-i", shell, "sh", "-c", "cat; echo err >&2; exit 2", stdin=b"in")
    assert (done.returncode, done.stdout, done.stderr) == (2, b"in", b"err\n")


def test_an_archive_goes_out_and_comes_back(engine: Engine, pipe: Pipe) -> None:
    archive = pipe("save", "busybox").stdout
    assert len(archive) > 1 << 20
    done = pipe("load", stdin=archive)
    assert done.returncode == 0
    assert b"Loaded image: busybox:latest\n" in done.stdout


def test_ids_are_kept_in_a_file(engine: Engine, pipe: Pipe) -> None:
    path = engine.root / "cid"
    assert pipe(*RUN, "--cidfile", str(path), "busybox", "true").returncode == 0
    assert len(path.read_text()) == 64
    again = pipe(*RUN, "--cidfile", str(path), "busybox", "true")
    assert again.returncode == 125
    assert b"container ID file found" in again.stderr
    path.unlink()
    assert pipe(*RUN, "--cidfile", str(path), "--pull", "never", "nope").returncode == 125
    assert not path.exists()
