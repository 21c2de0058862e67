"""Registries that tests start for themselves on loopback: ours, and Debian's docker-registry.

    with WherryRegistry(tmp_path / "registry") as registry:
        registry.address                        # "127.0.0.1:41233"

`stop` and `start` may be called again and again on the same root; `kill` is kill -9. Options are
words for the command line (ours) and members of its configuration file (docker-registry).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ANSWER_SECONDS = 30.0


class RegistryProcess(ABC):
    """One running registry with a directory of its own."""

    kind: str

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "registry.log"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """What stands before the first slash of a reference."""
        return f"127.0.0.1:{self.port}"

    @abstractmethod
    def command(self) -> list[str]:
        """Command line that listens on `port`."""

    def start(self) -> None:
        """Start it and wait until it takes connections; the port stays the same ever after."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.root
            )
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.kind} did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """End it as an operator does. Idempotent."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(ANSWER_SECONDS)
        self.process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()


class WherryRegistry(RegistryProcess):
    """`wherry registry serve`."""

    kind = "wherry"

    def __init__(self, root: Path, options: Sequence[str] = (), *, config: str = "") -> None:
        super().__init__(root)
        self.options = tuple(options)
        self.config = config

    @property
    def data(self) -> Path:
        """The registry's own directory."""
        return self.root / "data"

    def command(self) -> list[str]:
        """See RegistryProcess; `config` becomes the file that --config names."""
        words = [sys.executable, "-I", "-m", "wherry.registry.server"]
        if not any(word.startswith("--data-root") for word in self.options):
            words += ["--root", str(self.data)]
        if self.config:
            path = self.root / "registry.toml"
            path.write_text(self.config)
            words += ["--config", str(path)]
        return [*words, "--listen", self.address, *self.options]


class DockerRegistry(RegistryProcess):
    """Debian's docker-registry."""

    kind = "docker-registry"

    def __init__(self, root: Path, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(root)
        self.settings = dict(settings or {})

    @staticmethod
    def is_installed() -> bool:
        """Whether the machine has it."""
        return shutil.which("docker-registry") is not None

    def command(self) -> list[str]:
        """See RegistryProcess. Its file is YAML, which JSON is a part of."""
        storage = {"filesystem": {"rootdirectory": str(self.root / "data")}}
        settings = {
            "version": 0.1,
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": storage | {"delete": {"enabled": True}},
            "http": {"addr": self.address},
        }
        path = self.root / "config.yml"
        path.write_text(json.dumps(settings | self.settings))
        return ["docker-registry", "serve", str(path)]


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, outside of the range that clients are given."""
    low = int(re.split(r"\s+", Path("/proc/sys/net/ipv4/ip_local_port_range").read_text())[0])
    for _ in range(200):
        port = 10_000 + int.from_bytes(os.urandom(2), "big") % (low - 10_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")
