"""A program on a terminal, driven as a person does: wait for text, type, resize, see the end."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType


class Terminal:
    """A child process whose standard streams are one pseudo-terminal, which it controls."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        size: tuple[int, int] = (24, 80),
        cwd: str | None = None,
    ) -> None:
        self._master, slave = pty.openpty()
        self.resize(*size, tell=False)
        self.seen = b""
        self._position = 0
        self.process = subprocess.Popen(
            # setsid(1) makes the terminal the controlling one, and then becomes the program.
            ["setsid", "--ctty", *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={"TERM": "xterm"} | dict(environment),
            cwd=cwd,
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    def resize(self, rows: int, columns: int, tell: bool = True) -> None:
        """Change the window's size; the kernel tells the foreground group with SIGWINCH."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
        if tell:
            self.process.send_signal(signal.SIGWINCH)

    def send(self, text: str | bytes) -> None:
        """Type."""
        data = text.encode() if isinstance(text, str) else text
        while data:
            data = data[os.write(self._master, data) :]

    def expect(self, pattern: str, seconds: float = 30) -> re.Match[bytes]:
        """Wait for text after what was matched last. Raises AssertionError."""
        wanted = re.compile(pattern.encode(), re.DOTALL)
        limit = time.monotonic() + seconds
        while not (found := wanted.search(self.seen, self._position)):
            assert self._read(limit), f"no {pattern!r} in {self.seen[self._position :]!r}"
        self._position = found.end()
        return found

    def end(self, seconds: float = 30) -> int:
        """Read until the program closes the terminal; its exit code. Raises AssertionError."""
        limit = time.monotonic() + seconds
        while self._read(limit):
            pass
        assert time.monotonic() < limit, f"still running after {self.seen[self._position :]!r}"
        return self.process.wait(seconds)

    def _read(self, limit: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0, limit - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # EIO: the last holder of the other side has closed it
            return False
        self.seen += data
        return bool(data)
