"""A row about published ports: what one more costs when there are many already.

Only our own engine has such a change; nobody else publishes a port of a running container. The
numbers are held against those of an engine with one published port, in turns.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from benchmarks.budgets import Budget, Row
from benchmarks.contestants import Contestants
from benchmarks.measure import Account, Turn, rounds
from tests import images
from tests.engines import ENGINES, Engine

MANY, FIRST, EXTRA = 1000, 20000, 30000
ONE = "one port"
ELSEWHERE, SAME = "1,000 elsewhere", "1,000 of its own"
"""Another container has the many, or the container that gets one more."""


def rule_update(contestants: Contestants, count: int) -> list[Row]:
    """Publish and unpublish a port of a running container, beside one other port and many."""
    layouts = {ONE: (1, 0), ELSEWHERE: (1, MANY), SAME: (MANY, 0)}
    with contextlib.ExitStack() as stack:
        turns = {}
        for number, (name, (own, others)) in enumerate(layouts.items()):
            account = Account(f"ports-{number}")
            contestants.accounts[f"ports {name}"] = account
            engine = stack.enter_context(_running(contestants, number, account))
            if others:
                _container(engine, "crowd", others)
            _container(engine, "target", own)
            turns[name] = Turn(account, _update(engine))
        results = rounds(turns, count)
    title = "publish and unpublish a port of a running container"
    note = "the last one's request and answer also hold all of its container's ports"
    budgets = (Budget(1.1, ONE), Budget(1.1, ONE, "cpu"))
    return [Row(title, results, budgets, note, ours=ELSEWHERE)]


@contextlib.contextmanager
def _running(contestants: Contestants, number: int, account: Account) -> Iterator[Engine]:
    """An engine of ours in a network namespace of its own, charged to the account."""
    root = contestants.directory / f"ports-{number}"
    root.mkdir()
    engine = ENGINES["wherry"](root, own_network=True)
    account.enter()
    try:
        engine.start()
    finally:
        account.leave()
    try:
        engine.output("load", stdin=images.busybox_archive())
        yield engine
    finally:
        engine.stop()


def _container(engine: Engine, name: str, ports: int) -> None:
    """A running container with that many published ports (the first one is FIRST)."""
    start = FIRST + MANY if name == "crowd" else FIRST
    wanted = f"{start}-{start + ports - 1}:1-{ports}"
    engine.output("run", "-d", "--name", name, "-p", wanted, "busybox", "sleep", "1d")


def _update(engine: Engine) -> Callable[[], None]:
    api = engine.connect()
    body = {"PortBindings": {"9000/tcp": [{"HostIp": "", "HostPort": str(EXTRA)}]}}

    def update() -> None:
        for verb in ("add", "remove"):
            answer = api.request("POST", f"/containers/target/ports/{verb}", body)
            assert answer.status == 200, answer

    return update
