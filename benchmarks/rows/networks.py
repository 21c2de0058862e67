"""Rows about networks: throughput, connect and disconnect, what a network adds to a start.

Every engine has a network namespace of its own here, so that it may set up whatever it wants; a
further namespace plays the other host. Throughput is the time for a fixed amount, by iperf3 in the
containers' namespaces.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks.budgets import Budget, Row
from benchmarks.contestants import Contestants
from benchmarks.measure import Account, Result, Sample, Turn, rounds
from benchmarks.rows.api import Life
from tests import images
from tests.engines import ENGINES, Engine

AMOUNT = "1G"
TRANSFERS = 7
HOST, OTHER_HOST = "198.51.100.1", "198.51.100.2"
PORT, PUBLISHED = 5201, 15201


@dataclass(frozen=True, slots=True)
class Place:
    """A network namespace, by a process in it."""

    pid: int

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs a program inside."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", *arguments]

    def run(self, *arguments: str) -> str:
        """Output of a program inside. Raises CalledProcessError."""
        command = self.command(*arguments)
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def all_rows(contestants: Contestants, count: int) -> list[Row]:
    """Everything about networks."""
    with contextlib.ExitStack() as stack:
        places: dict[str, tuple[Place, Place, str]] = {}
        published: dict[str, tuple[Place, Place, str]] = {}
        switched, started = {}, {}
        for kind in ENGINES:
            if kind == "dockerd" and not shutil.which("dockerd"):
                continue
            engine = stack.enter_context(_running(contestants, kind))
            account = contestants.accounts[f"{kind} (networks)"]
            one, two = _container(engine, "one", publish=True), _container(engine, "two")
            places[kind] = (two, one, _address(one))
            published[kind] = (stack.enter_context(_other_host(engine)), one, HOST)
            switched[kind] = Turn(account, _switching(engine))
            for mode in ("none", "bridge"):
                life = Life(engine.connect(), mode=mode)
                started[f"{kind} {mode}"] = Turn(account, life.start, life.renew)
        bare = stack.enter_context(_bare_pair())
        rows = [
            _throughput("container to container", places | {"bare veth pair": bare}, PORT),
            _throughput("published port", published | {"bare veth pair": bare}, PUBLISHED),
            Row("connect and disconnect", rounds(switched, count), (Budget(1 / 3, "dockerd"),)),
        ]
        starts = rounds(started, count)
        more = starts["wherry bridge"].median - starts["wherry none"].median
        note = f"a bridge adds {more:.2f} ms"
        rows.append(Row("start on a network, API", starts, (), note, ours="wherry bridge"))
        return rows


@contextlib.contextmanager
def _running(contestants: Contestants, kind: str) -> Iterator[Engine]:
    root = contestants.directory / f"network-{kind}"
    root.mkdir()
    engine = ENGINES[kind](root, own_network=True)
    account = Account(f"{kind}-networks", [engine.cgroup_parent])
    contestants.accounts[f"{kind} (networks)"] = account
    account.enter()
    try:
        engine.start()
    finally:
        account.leave()
    try:
        engine.output("load", stdin=images.busybox_archive())
        engine.output("network", "create", "apps")
        engine.output("network", "create", "second")
        yield engine
    finally:
        engine.stop()


def _container(engine: Engine, name: str, *, publish: bool = False) -> Place:
    ports = ("-p", f"{PUBLISHED}:{PORT}") if publish else ()
    engine.output(
        "run", "-d", "--name", name, "--network", "apps", *ports, "busybox", "sleep", "1d"
    )
    return Place(int(engine.output("inspect", "-f", "{{.State.Pid}}", name)))


def _address(place: Place) -> str:
    (link,) = json.loads(place.run("ip", "-json", "-4", "address", "show", "eth0"))
    return str(link["addr_info"][0]["local"])


@contextlib.contextmanager
def _namespace() -> Iterator[Place]:
    with subprocess.Popen(["unshare", "--net", "sleep", "1d"]) as holder:
        try:
            place = Place(holder.pid)
            own = subprocess.run(["readlink", "/proc/self/ns/net"], capture_output=True, check=True)
            while place_id(place) == own.stdout.strip().decode():
                time.sleep(0.01)
            yield place
        finally:
            holder.kill()


def place_id(place: Place) -> str:
    """What tells namespaces apart."""
    link = ["readlink", f"/proc/{place.pid}/ns/net"]
    return subprocess.run(link, capture_output=True, text=True, check=True).stdout.strip()


@contextlib.contextmanager
def _other_host(engine: Engine) -> Iterator[Place]:
    assert engine.daemon is not None
    with _namespace() as other:
        _connect(Place(engine.daemon.pid), other)
        yield other


@contextlib.contextmanager
def _bare_pair() -> Iterator[tuple[Place, Place, str]]:
    with _namespace() as server, _namespace() as client:
        _connect(server, client)
        yield client, server, HOST


def _connect(one: Place, other: Place) -> None:
    """A veth pair: `one` has the address HOST, `other` OTHER_HOST."""
    peer = ("peer", "name", "wire", "netns", str(other.pid))
    one.run("ip", "link", "add", "wire", "type", "veth", *peer)
    for place, address in ((one, HOST), (other, OTHER_HOST)):
        place.run("ip", "address", "add", f"{address}/24", "dev", "wire")
        place.run("ip", "link", "set", "wire", "up")


def _throughput(title: str, places: dict[str, tuple[Place, Place, str]], port: int) -> Row:
    """Seconds for AMOUNT, in turns; the bare pair's server listens where its client asks."""
    samples: dict[str, list[Sample]] = {name: [] for name in places}
    for _ in range(TRANSFERS):
        for name, (client, server, address) in places.items():
            target = PORT if name == "bare veth pair" else port
            samples[name].append(Sample(_transfer(client, server, address, target), None))
    results = {name: Result(tuple(found)) for name, found in samples.items()}
    budgets = (Budget(1 / 0.95, "bare veth pair"), Budget(1.0, "dockerd"))
    return Row(f"{AMOUNT}B over TCP, {title}", results, budgets)


def _transfer(client: Place, server: Place, address: str, port: int) -> float:
    """Milliseconds that iperf3 takes for AMOUNT, as the receiver counts."""
    listening = server.command("iperf3", "--server", "--one-off", "--port", str(PORT))
    with subprocess.Popen(listening, stdout=subprocess.DEVNULL) as process:
        while f":{PORT} " not in server.run("ss", "-ltn"):
            time.sleep(0.01)
        try:
            told = client.run(
                "iperf3", "--client", address, "--port", str(port), "--bytes", AMOUNT, "--json"
            )
        finally:
            process.terminate()
    return float(json.loads(told)["end"]["sum_received"]["seconds"]) * 1000


def _switching(engine: Engine) -> Callable[[], None]:
    api = engine.connect()

    def switch(verb: str) -> None:
        answer = api.request("POST", f"/networks/second/{verb}", {"Container": "two"})
        assert answer.status == 200, answer

    def both(connect: Callable[[], None], disconnect: Callable[[], None]) -> None:
        connect()
        disconnect()

    return partial(both, partial(switch, "connect"), partial(switch, "disconnect"))
