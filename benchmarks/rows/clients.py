"""Rows that a command-line client drives: run, exec, many at once, ps."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.budgets import Budget, Row
from benchmarks.contestants import Contestants
from benchmarks.measure import Result, Sample, Turn, rounds
from tests.engines import Engine

QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
NO_NETWORK = "--network=none"


def our_client() -> list[str]:
    """Our own command line: the installed script, else the module."""
    script = Path(sys.executable).parent / "wherry"
    return [str(script)] if script.exists() else [sys.executable, "-m", "wherry.cli.main"]


def command(engine: Engine, words: Sequence[str]) -> Callable[[], None]:
    """An action that runs a client to its end; it must succeed."""
    environment = engine.environment | {"WHERRY_HOST": engine.host}

    def run() -> None:
        subprocess.run(words, env=environment, check=True, stdin=subprocess.DEVNULL, **QUIET)  # type: ignore[call-overload]

    return run


def at_once(engine: Engine, words: Sequence[str], count: int) -> Callable[[], None]:
    """An action that starts a client many times and waits for all."""

    def run() -> None:
        started = [
            subprocess.Popen(words, env=engine.environment, stdin=subprocess.DEVNULL, **QUIET)  # type: ignore[call-overload]
            for _ in range(count)
        ]
        failed = [process.stderr for process in started if process.wait()]
        for process in started:
            process.stderr.close()
        if failed:
            raise RuntimeError(f"{len(failed)} of {count} failed")

    return run


def _docker_turns(
    contestants: Contestants, make: Callable[[Engine], Callable[[], None]]
) -> dict[str, Turn]:
    return {
        kind: Turn(contestants.accounts[kind], make(engine))
        for kind, engine in contestants.engines.items()
    }


def run_true(contestants: Contestants, count: int) -> list[Row]:
    """`run --rm` of `true`, with the docker command line and with ours."""
    words = ["docker", "run", "--rm", NO_NETWORK, "busybox", "true"]
    turns = _docker_turns(contestants, lambda engine: command(engine, words))
    if wherry := contestants.engines.get("wherry"):
        own = [*our_client(), "run", "--rm", NO_NETWORK, "busybox", "true"]
        turns["wherry run"] = Turn(contestants.accounts["wherry"], command(wherry, own))
    if podman := contestants.podman:
        turns["podman+crun"] = Turn(contestants.accounts["podman"], podman.run_true)
    results = rounds(turns, count)
    own_result = {"wherry run": results.pop("wherry run")} if "wherry run" in results else {}
    beside = {name: result for name, result in results.items() if name != "wherry"}
    return [
        Row("run --rm of true, docker CLI, no network", results, (Budget(0.2, "dockerd"),)),
        Row(
            "run --rm of true, wherry run, no network",
            own_result | beside,
            (Budget(0.25, "dockerd"),),
            ours="wherry run",
        ),
    ]


def exec_true(contestants: Contestants, count: int) -> list[Row]:
    """`exec` of `true` with the docker command line."""
    for engine in contestants.engines.values():
        engine.output("run", "-d", "--name", "exec-target", NO_NETWORK, "busybox", "sleep", "10000")
    words = ["docker", "exec", "exec-target", "true"]
    turns = _docker_turns(contestants, lambda engine: command(engine, words))
    results = rounds(turns, count)
    for engine in contestants.engines.values():
        engine.output("rm", "-f", "exec-target")
    return [Row("exec of true, docker CLI", results, (Budget(0.5, "dockerd"),))]


def twenty_at_once(contestants: Contestants, count: int) -> list[Row]:
    """20 `run --rm` started together."""
    words = ["docker", "run", "--rm", NO_NETWORK, "busybox", "true"]
    turns = _docker_turns(contestants, lambda engine: at_once(engine, words, 20))
    results = rounds(turns, max(2, count // 6))
    return [Row("20 run --rm at once, docker CLI", results, (Budget(0.2, "dockerd"),))]


def ten_detached(contestants: Contestants, count: int) -> list[Row]:
    """10 `run -d` one after the other; removed after each sample, unmeasured."""
    words = ["docker", "run", "-d", NO_NETWORK, "busybox", "sleep", "10000"]

    turns = {}
    for kind, engine in contestants.engines.items():
        once, prepare = command(engine, words), functools.partial(remove_all, engine)
        turns[kind] = Turn(contestants.accounts[kind], functools.partial(_ten_times, once), prepare)
    results = rounds(turns, max(2, count // 6))
    for engine in contestants.engines.values():
        remove_all(engine)
    return [Row("10 run -d in sequence, docker CLI", results, (Budget(0.2, "dockerd"),))]


def _ten_times(action: Callable[[], None]) -> None:
    for _ in range(10):
        action()


def remove_all(engine: Engine) -> None:
    """Remove every container of an engine."""
    with engine.connect() as api:
        for container in api.request("GET", "/containers/json?all=1").json():
            api.request("DELETE", f"/containers/{container['Id']}?force=1")


def listing(contestants: Contestants, count: int) -> list[Row]:
    """`ps`: CPU of the client alone, and with 1,000 containers."""
    rows = [_client_cpu(contestants, count)]
    for engine in contestants.engines.values():
        with engine.connect() as api:
            for _ in range(1000):
                body = {"Image": "busybox", "Cmd": ["true"]}
                assert api.request("POST", "/containers/create", body).status == 201
    words = ["docker", "ps", "-a"]
    turns = _docker_turns(contestants, lambda engine: command(engine, words))
    results = rounds(turns, count)
    rows.append(Row("docker ps -a with 1,000 containers", results, (Budget(1, "dockerd"),)))
    if wherry := contestants.engines.get("wherry"):
        turn = Turn(contestants.accounts["wherry"], command(wherry, [*our_client(), "ps", "-a"]))
        more = rounds({"wherry ps": turn}, count)
        others = {"dockerd": results["dockerd"]} if "dockerd" in results else {}
        title = "wherry ps -a with 1,000 containers"
        rows.append(Row(title, more | others, (Budget(1, "dockerd"),), ours="wherry ps"))
    return rows


def _client_cpu(contestants: Contestants, count: int) -> Row:
    """CPU of the two clients on the same engine, the engine's own not counted."""
    engine = contestants.engines.get("wherry") or next(iter(contestants.engines.values()))
    clients = {"docker ps": ["docker", "ps"]}
    if "wherry" in contestants.engines:
        clients["wherry ps"] = [*our_client(), "ps"]
    environment = engine.environment | {"WHERRY_HOST": engine.host}
    taken: dict[str, list[Sample]] = {name: [] for name in clients}
    for _ in range(count):
        for name, words in clients.items():
            taken[name].append(_client_sample(words, environment))
    results = {name: Result(tuple(samples)) for name, samples in taken.items()}
    budget = Budget(1.5, "docker ps", "cpu")
    return Row("ps, client alone", results, (budget,), "same engine", ours="wherry ps")


def _client_sample(words: Sequence[str], environment: dict[str, str]) -> Sample:
    start = time.perf_counter()
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = (time.perf_counter() - start) * 1e3
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{words} failed")
    return Sample(wall, (usage.ru_utime + usage.ru_stime) * 1e3)
