"""Real services of a real distribution on networks: nginx and redis from Debian's packages."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests import images, leaks
from tests.conftest import running
from tests.engines import ANSWER_SECONDS, Engine

IMAGE = "services"
INSTALL = (
    "apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "
    "redis-server redis-tools nginx-light && apt-get clean"
)
NGINX = "echo served > /var/www/html/index.html; exec nginx -g 'daemon off;'"
REDIS = ("redis-server", "--bind", "*", "-::*", "--protected-mode", "no")


def _services() -> Path:
    """An archive of the image, made once by an engine whose containers reach Debian's mirror.

    Skips where they do not.
    """
    cache = images.cache_directory()
    made = cache / "services.tar"
    with images.locked(cache / "services.lock"):
        if not made.exists():
            _install(made)
    return made


def _install(made: Path) -> None:
    try:
        tree = images.debian_tree()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no Debian tree: {error}")
    with running("wherry") as engine:
        engine.output("import", str(tree), "debian")
        done = engine.docker("run", "--name", "apt", "debian", "sh", "-c", INSTALL, timeout=300)
        if done.returncode:
            pytest.skip(f"apt-get in a container: {done.stdout[-300:]!r}")
        engine.output("commit", "apt", IMAGE)
        partial = made.with_suffix(".partial")
        engine.output("save", "-o", str(partial), IMAGE)
        engine.output("rm", "apt")
        engine.output("rmi", IMAGE, "debian")
        partial.rename(made)


@pytest.fixture(scope="module")
def engine(networked_wherry: Engine) -> Iterator[Engine]:
    """The engine with the services' image, in a network of its own."""
    networked_wherry.output("load", "-i", str(_services()))
    yield networked_wherry
    networked_wherry.output("rmi", "-f", IMAGE)


class OtherHost:
    """A network namespace of its own beside the engine's, joined to it by a cable."""

    def __init__(self, engine: Engine) -> None:
        self._process = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up; echo; exec sleep 1000"],
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        pid = str(self._process.pid)
        for line in (
            f"ip link add cable0 type veth peer name cable1 netns {pid}",
            "ip addr add 198.51.100.1/24 dev cable0",
            "ip addr add 2001:db8:5::1/64 dev cable0 nodad",
            "ip link set cable0 up",
        ):
            subprocess.run([*engine.there, *line.split()], check=True)
        for line in (
            "ip addr add 198.51.100.2/24 dev cable1",
            "ip addr add 2001:db8:5::2/64 dev cable1 nodad",
            "ip link set cable1 up",
        ):
            subprocess.run([*self.there, *line.split()], check=True)

    @property
    def there(self) -> Sequence[str]:
        """Words before a command that run it on that host."""
        return ("nsenter", f"--net=/proc/{self._process.pid}/ns/net")

    def end(self) -> None:
        """Take it away; the cable goes with it."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def other(engine: Engine) -> Iterator[OtherHost]:
    """Another host."""
    host = OtherHost(engine)
    yield host
    host.end()


def _until(condition: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + ANSWER_SECONDS
    while not condition():
        assert time.monotonic() < limit, f"never: {what}"
        time.sleep(0.1)


def _fetch(there: Sequence[str], host: str, port: str) -> str:
    url = f"http://{host}:{port}/"
    command = [*there, "curl", "--silent", "--globoff", "--max-time", "3", url]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def test_services_talk_are_reached_and_kept_apart(engine: Engine, other: OtherHost) -> None:
    before = leaks.Holdings.of(engine)
    engine.output("network", "create", "--ipv6", "app")
    engine.output("network", "create", "--ipv6", "third")
    try:
        engine.output("run", "-d", "--name", "cache", "--network", "app", IMAGE, *REDIS)
        engine.output(
            "run", "-d", "--name", "web", "--network", "app", "-p", "80", IMAGE, "sh", "-c", NGINX
        )
        _within_the_network(engine)
        _from_outside(engine, other)
        _not_from_a_third_network(engine)
    finally:
        engine.docker("rm", "-f", "cache", "web")
        engine.docker("network", "rm", "app", "third")
    leaks.assert_nothing_left(engine, before)


def _within_the_network(engine: Engine) -> None:
    def pong() -> bool:
        done = engine.docker("exec", "web", "redis-cli", "-h", "cache", "ping")
        assert b"is not running" not in done.stderr, engine.docker("logs", "web")
        return done.stdout.strip() == b"PONG"

    _until(pong, "an answer of redis by its name")
    engine.output("exec", "web", "redis-cli", "-h", "cache", "set", "key", "value")
    assert engine.output("exec", "cache", "redis-cli", "get", "key") == "value"


def _from_outside(engine: Engine, other: OtherHost) -> None:
    port = engine.output("port", "web", "80").splitlines()[0].rpartition(":")[2]
    for host in ("127.0.0.1", "[::1]", "198.51.100.1", "[2001:db8:5::1]"):
        _reached(engine.there, host, port)
    for host in ("198.51.100.1", "[2001:db8:5::1]"):
        _reached(other.there, host, port)
    log = engine.output("exec", "web", "cat", "/var/log/nginx/access.log")
    assert "198.51.100.2 " in log, "the other host's own address is seen"
    assert "2001:db8:5::2 " in log


def _reached(there: Sequence[str], host: str, port: str) -> None:
    _until(lambda: _fetch(there, host, port) == "served", f"an answer of {host}:{port}")


def _not_from_a_third_network(engine: Engine) -> None:
    found = json.loads(engine.output("inspect", "cache"))[0]["NetworkSettings"]["Networks"]["app"]
    for host in ("cache", found["IPAddress"], found["GlobalIPv6Address"]):
        script = f"timeout 2 redis-cli -h {host} ping || echo apart"
        done = engine.docker(
            "run", "--rm", "--init", "--network", "third", IMAGE, "sh", "-c", script
        )
        assert done.stdout.endswith(b"apart\n"), (host, done.stdout)
