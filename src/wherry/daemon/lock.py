"""One daemon per data-root: a lock that the kernel gives back however its holder ends."""

from __future__ import annotations

import fcntl
import os

from wherry.errors import Conflict


class RootLock:
    """The lock on a data-root; held until `close` or the end of the process."""

    def __init__(self, data_root: str) -> None:
        """Take it. Raises Conflict, naming the pid of the one who has it."""
        os.makedirs(data_root, mode=0o710, exist_ok=True)
        self._fd = os.open(f"{data_root}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._fd, 32).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise Conflict(
                f"the data-root {data_root} is in use by another daemon (pid {holder})",
                hint="end that one, or give this one another --data-root and --exec-root",
            ) from None
        os.ftruncate(self._fd, 0)
        os.write(self._fd, f"{os.getpid()}\n".encode())

    def close(self) -> None:
        """Give it back."""
        os.close(self._fd)


class PidFile:
    """A file with the daemon's pid, for scripts."""

    def __init__(self, path: str) -> None:
        """Write it, over one whose process is gone. Raises OSError."""
        self._path = path
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")

    def remove(self) -> None:
        """Remove it if it is still ours."""
        try:
            with open(self._path, encoding="ascii") as file:
                ours = file.read().strip() == str(os.getpid())
        except OSError:
            return
        if ours:
            os.unlink(self._path)
