"""Where messages go: the log in text or JSON (as logrus writes it), and standard error."""

from __future__ import annotations

import os
import time

from wherry import jsontext

DEFAULT_LOG = "/dev/stderr"


class Report:
    """The log that --log, --log-format and --debug ask for."""

    __slots__ = ("debugging", "json", "path")

    def __init__(self, path: str, form: str, debugging: bool) -> None:
        """`path` "" is standard error; `form` is "json" or "text"."""
        self.path = path if path != DEFAULT_LOG else ""
        self.json = form == "json"
        self.debugging = debugging

    def debug(self, message: str) -> None:
        """A line that only --debug shows."""
        if self.debugging:
            self._log("debug", message)

    def warning(self, message: str) -> None:
        """A line about something that goes on all the same."""
        self._log("warning", message)

    def error(self, message: str) -> None:
        """A line in the log, and on standard error if the log is elsewhere."""
        self._log("error", message)
        if self.path:
            os.write(2, f"{message}\n".encode("utf-8", "replace"))

    def _log(self, level: str, message: str) -> None:
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + "Z"
        if self.json:
            line = jsontext.encode_ascii({"level": level, "msg": message, "time": stamp})
        else:
            line = f'time="{stamp}" level={level} msg={jsontext.encode_ascii(message)}'
        self._write(f"{line}\n".encode("utf-8", "replace"))

    def _write(self, line: bytes) -> None:
        if not self.path:
            os.write(2, line)
            return
        try:
            fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            os.write(2, line)
            return
        os.write(fd, line)
        os.close(fd)
