"""Engines that tests start for themselves: Wherry, and dockerd as the reference.

Each engine has a directory of its own for its data, its run state, its socket and its cgroup
parent, so that several live side by side (pytest-xdist, a benchmark). An engine is ended by the
process id that was started here, and whatever it must not leave is checked (tests/leaks.py).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests import processes
from tests.httpclient import Connection

ANSWER_SECONDS = 60.0
"""How long an engine may take to answer or to end; far above what it needs on a loaded machine."""


_IN_OWN_NETWORK = (
    "unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "engine",
)  # fmt: skip


class EngineFailed(RuntimeError):
    """An engine did not come up or did not end; the text carries the end of its log."""


class Engine(ABC):
    """One running engine; `start` and `stop` may be called again and again on the same root."""

    kind: str

    def __init__(
        self, root: Path, options: Sequence[str] = (), *, own_network: bool = False
    ) -> None:
        """`own_network`: it runs in a network namespace of its own, with nothing but loopback."""
        self.root = root
        self.own_network = own_network
        self._network = -1
        self.options = tuple(options)
        self.data_root = root / "data"
        self.exec_root = root / "exec"
        self.socket = root / "api.sock"
        self.pidfile = root / "pid"
        self.log = root / "engine.log"
        # The name is unique on the machine: mktemp chose a part of it.
        self.cgroup_parent = "/test-" + str(root).strip("/").replace("/", "-")
        self.daemon: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """Value for DOCKER_HOST."""
        return f"unix://{self.socket}"

    @property
    def environment(self) -> dict[str, str]:
        """Environment for a client: this engine, and no configuration of the person who tests."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("DOCKER_", "WHERRY_"))}
        config = self.root / "client"
        config.mkdir(exist_ok=True)
        return kept | {"DOCKER_HOST": self.host, "DOCKER_CONFIG": str(config), "LC_ALL": "C.UTF-8"}

    @abstractmethod
    def command(self) -> list[str]:
        """Command line of the daemon."""

    @abstractmethod
    def end_everything(self) -> None:
        """End the daemon and every container of it."""

    def start(self) -> None:
        """Start the daemon and wait until it answers. Raises EngineFailed."""
        self.root.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.daemon = subprocess.Popen(
                [*self._network_words(), *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.root,
            )
        self.wait_until_answering()
        if self.own_network and self._network < 0:
            self._network = os.open(f"/proc/{self.daemon.pid}/ns/net", os.O_RDONLY)

    def _network_words(self) -> Sequence[str]:
        """What brings a command into the engine's own network, the same at every start."""
        if not self.own_network:
            return ()
        return _IN_OWN_NETWORK if self._network < 0 else self.there

    @property
    def there(self) -> Sequence[str]:
        """Words before a command that run it in the engine's own network."""
        return ("nsenter", f"--net=/proc/{os.getpid()}/fd/{self._network}")

    def wait_until_answering(self) -> None:
        """Return when `/_ping` is answered. Raises EngineFailed."""
        limit = time.monotonic() + ANSWER_SECONDS
        while not self.answers():
            if self.daemon is not None and self.daemon.poll() is not None:
                raise EngineFailed(f"{self.kind} ended by itself: {self.last_words()}")
            if time.monotonic() > limit:
                raise EngineFailed(f"{self.kind} does not answer: {self.last_words()}")
            time.sleep(0.02)

    def answers(self) -> bool:
        """Whether the API answers now."""
        try:
            with self.connect() as connection:
                return connection.request("GET", "/_ping").status == 200
        except OSError:
            return False

    def kill(self, signo: int = signal.SIGKILL) -> None:
        """Send a signal to the daemon and wait until it has ended."""
        assert self.daemon is not None
        self.daemon.send_signal(signo)
        self.daemon.wait(ANSWER_SECONDS)
        self.daemon = None

    def stop(self) -> None:
        """End the daemon, its containers and its other processes, and remove its cgroup parent."""
        if self.daemon is not None and self.daemon.poll() is None:
            self.end_everything()
        limit = time.monotonic() + ANSWER_SECONDS
        while left := processes.of(self.root, self.cgroup_parent):
            if time.monotonic() > limit:
                raise EngineFailed(f"{self.kind} left processes: {left}")
            time.sleep(0.02)
        self._remove_cgroup_parent()

    def remove(self) -> None:
        """Delete the engine's directory; a mount that is left below makes this fail, as it must."""
        shutil.rmtree(self.root)
        if self._network >= 0:
            os.close(self._network)
            self._network = -1

    def _remove_cgroup_parent(self) -> None:
        for hierarchy in processes.cgroup_hierarchies():
            directory = hierarchy / self.cgroup_parent.lstrip("/")
            if directory.is_dir():
                directory.rmdir()  # only an empty one goes: a leak below it fails here

    def docker(
        self, *arguments: str, stdin: bytes = b"", timeout: float = 120, check: bool = False
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the docker command line against this engine."""
        return subprocess.run(
            ["docker", *arguments],
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=check,
            env=self.environment,
        )

    def output(self, *arguments: str, stdin: bytes = b"") -> str:
        """Standard output of a docker command that must succeed, without its last newline."""
        done = self.docker(*arguments, stdin=stdin)
        assert done.returncode == 0, (arguments, done.stderr.decode())
        return done.stdout.decode().rstrip("\n")

    def in_network(self, *command: str) -> str:
        """Output of a command in the engine's network namespace, "" when it failed."""
        enter = self.there if self._network >= 0 else ()
        done = subprocess.run([*enter, *command], capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else ""

    def connect(self, timeout: float = ANSWER_SECONDS) -> Connection:
        """A kept-alive HTTP connection to the API."""
        return Connection(self.socket, timeout)

    def last_words(self) -> str:
        """The end of the daemon's log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""


_NO_BRIDGE = (
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
    "--ip-forward=false",
    "--ip-masq=false",
    "--userland-proxy=false",
)


class Dockerd(Engine):
    """Debian's dockerd with its own containerd: the reference. On the host's network it gets no
    bridge, so that its containers have loopback only and no rule of the machine's firewall is
    touched; in a network of its own it has everything."""

    kind = "dockerd"

    def command(self) -> list[str]:
        config = self.root / "daemon.json"
        config.write_text(json.dumps({}))  # the machine's own /etc/docker stays out of it
        return [
            "dockerd",
            f"--config-file={config}",
            f"--data-root={self.data_root}",
            f"--exec-root={self.exec_root}",
            f"--host={self.host}",
            f"--pidfile={self.pidfile}",
            f"--cgroup-parent={self.cgroup_parent}",
            *(() if self.own_network else _NO_BRIDGE),
            *self.options,
        ]

    def end_everything(self) -> None:
        self.kill(signal.SIGTERM)  # dockerd ends its containers first
        # It pins the host's network namespace on first use and never lets go.
        pinned = self.exec_root / "netns" / "default"
        if os.path.ismount(pinned):
            subprocess.run(["umount", pinned], check=True)


class Wherry(Engine):
    """Our engine from this work tree, run by the Python that runs the tests."""

    kind = "wherry"

    def command(self) -> list[str]:
        return [
            sys.executable,
            "-m",
            "wherry.daemon",
            f"--data-root={self.data_root}",
            f"--exec-root={self.exec_root}",
            f"--host={self.host}",
            f"--pidfile={self.pidfile}",
            f"--cgroup-parent={self.cgroup_parent}",
            *(() if self.own_network else self._subnets()),
            *self.options,
        ]

    def _subnets(self) -> list[str]:
        """Addresses that no other engine of this test run chooses at the same moment."""
        number = zlib.crc32(bytes(self.root)) % 1600
        pool = f"base=10.{156 + number // 16}.{number % 16 * 16}.0/20,size=24"
        return [f"--default-address-pool={pool}"]

    def end_everything(self) -> None:
        assert self.daemon is not None
        with self.connect() as connection:
            answer = connection.request("POST", "/wherry/system/shutdown")
            assert answer.status < 300, answer
        self.daemon.wait(ANSWER_SECONDS)
        self.daemon = None


ENGINES: Mapping[str, type[Engine]] = {"dockerd": Dockerd, "wherry": Wherry}


def why_not(kind: str) -> str | None:
    """The reason why this engine cannot be tested here, or None."""
    if os.geteuid() != 0:
        return "engines need root"
    if shutil.which("docker") is None:
        return "the docker command line is not installed"
    if kind == "dockerd" and shutil.which("dockerd") is None:
        return "dockerd (Debian: docker.io) is not installed"
    return None
