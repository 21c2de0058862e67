"""A TCP proxy that counts, and if told slows down, what a server sends."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType


class Meter:
    """Forwards connections to `port` of loopback; `sent` counts the bytes that came from there.

    `rate` bounds them, in bytes a second over all connections (0: not at all).
    """

    def __init__(self, port: int, rate: int = 0) -> None:
        self._target = port
        self.rate = rate
        self.sent = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.port = self._listener.getsockname()[1]

    @property
    def address(self) -> str:
        """What stands before the first slash of a reference."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Meter:
        self._spawn(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # shutdown first: a thread blocked in accept or recv is not woken by close.
        for opened in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()

    def wait_for(self, count: int, seconds: float = 60) -> None:
        """Return when so many bytes have been sent. Raises TimeoutError."""
        limit = time.monotonic() + seconds
        while self.sent < count:
            if time.monotonic() > limit:
                raise TimeoutError(f"{self.sent} of {count} bytes")
            time.sleep(0.005)

    def _spawn(self, work: object, *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()  # type: ignore[arg-type]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._open |= {client, server}
                self._spawn(self._forward, client, server, False)
                self._spawn(self._forward, server, client, True)

    def _forward(self, source: socket.socket, target: socket.socket, metered: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if metered:
                    self._count(len(data))
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _count(self, size: int) -> None:
        with self._lock:
            self.sent += size
            if self.rate:
                time.sleep(size / self.rate)
