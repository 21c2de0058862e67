"""The runtime alone, as the daemon uses it: a request to a real keeper, without engine and HTTP.

Everything of a default container is on: overlay, seccomp, capabilities, masked paths and a cgroup
in every hierarchy, which is made within the sample. The CPU time is that of keeper, launcher and
container, and of this process, which composes the plan and asks, as the daemon would. What follows
an end (the keeper forgets, the cgroup and the root are removed, as the engine does in the
background) is not in a sample.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from itertools import count as numbers
from pathlib import Path
from typing import Any

from benchmarks.budgets import Budget, Row
from benchmarks.contestants import Contestants
from benchmarks.measure import Account, Turn, rounds
from benchmarks.rows.api import bare_runtimes
from tests.root.keeper.harness import Client
from wherry.engine.containers.keeper_start import socket_path, start_keeper
from wherry.engine.containers.spec.seccomp import SeccompPrograms
from wherry.kernel.cgroup.cgroup import Cgroup
from wherry.kernel.cgroup.hierarchy import detect
from wherry.kernel.mount import Mount
from wherry.runtime.plan import CgroupPlace, plan_launch
from wherry.runtime.protocol import close_all
from wherry.spec import runtime as pieces

CGROUP_PARENT = "/wherry-bench-keeper-containers"
LIMITS = {"memory": {"limit": 256 << 20}, "pids": {"limit": 100}, "cpu": {"quota": 100000}}


def start_alone(contestants: Contestants, count: int) -> list[Row]:
    """Keeper request to executed, and to the exit status, beside the bare runtimes."""
    bare = bare_runtimes(contestants)
    account = Account("keeper", [CGROUP_PARENT])
    keeper = Keeper(contestants, account)
    try:
        executed = keeper.turn(account, keeper.start)
        ended = keeper.turn(account, keeper.start_to_end)
        results = rounds({"wherry": executed, "wherry, to exit": ended, **bare}, count)
    finally:
        keeper.close()
        account.close()
    to_exit = results.pop("wherry, to exit")
    note = "overlay, seccomp, capabilities, cgroup; a runtime's is `run` of a bare bundle"
    budgets = (Budget(0.6, "crun"), Budget(0.8, "crun", "cpu"))
    return [
        Row("start alone, keeper request to executed", results, budgets, note),
        Row("start alone, keeper request to exit status", {**results, "wherry": to_exit}, budgets),
    ]


class Keeper:
    """A keeper of its own, and one container after another."""

    def __init__(self, contestants: Contestants, account: Account) -> None:
        assert contestants.bundle is not None
        self._rootfs = contestants.bundle / "rootfs"
        self._directory = contestants.bundle / "keeper"
        self._exec_root = str(self._directory / "exec")
        self._hierarchies = detect()
        programs = SeccompPrograms(os.uname().machine, _kernel())
        self._seccomp = programs.program("", pieces.CAPABILITIES)
        self._numbers = numbers()
        self._id, self._snapshot = "", self._directory
        self._cgroup = Cgroup({}, "")
        self._held: list[int] = []
        account.enter()  # the keeper inherits the account
        try:
            start_keeper(self._exec_root, [str(contestants.bundle)])
        finally:
            account.leave()
        self._client = Client(socket_path(self._exec_root))

    def turn(self, account: Account, action: Callable[[], None]) -> Turn:
        """One contestant: each sample has a fresh snapshot, and what was before is cleared."""
        return Turn(account, action, self._prepare)

    def start(self) -> None:
        """Make the cgroup, ask the keeper, return when the program was executed."""
        path = f"{CGROUP_PARENT}/{self._id}"
        self._cgroup = Cgroup.create(self._hierarchies, path, LIMITS | _DEVICES)
        plan = plan_launch(
            _SPEC,
            rootfs=[self._overlay()],
            cgroup=CgroupPlace.of(self._cgroup),
            seccomp=self._seccomp,
            user="0",
            create_cwd=True,
        )
        log = {"directory": str(self._snapshot / "log"), "max_size": 1 << 20, "max_files": 2}
        request: dict[str, Any] = {"id": self._id, "plan": plan, "terminal": False, "stdin": False}
        _, fds = self._client.answer(
            self._client.send("start", **request, log=log, follower=None, note=None)
        )
        self._held = list(fds.values())

    def start_to_end(self) -> None:
        """The same until the exit status has come."""
        self.start()
        assert self._client.event("exit", id=self._id)["status"] == 0

    def close(self) -> None:
        """End the keeper and delete what it had."""
        self._clear()
        self._client.ask("shutdown")
        self._client.close()
        for directory in self._parents():
            directory.rmdir()

    def _prepare(self) -> None:
        self._clear()
        self._id = f"bench-{next(self._numbers)}"
        self._snapshot = self._directory / self._id
        for name in ("upper", "work"):
            (self._snapshot / name).mkdir(parents=True)

    def _clear(self) -> None:
        if not self._id:
            return
        self._client.finish(self._id)
        close_all(self._held)
        self._client.events.clear()
        self._cgroup.remove()
        shutil.rmtree(self._snapshot)
        self._id = ""

    def _overlay(self) -> Mount:
        lower, upper, work = self._rootfs, self._snapshot / "upper", self._snapshot / "work"
        options = [f"lowerdir+={lower}", f"upperdir={upper}", f"workdir={work}"]
        return Mount("overlay", "overlay", "/", options)

    def _parents(self) -> list[Path]:
        place = Cgroup.locate(self._hierarchies, CGROUP_PARENT)
        found = {*place.v1.values(), *([place.v2] if place.v2 else [])}
        return [Path(path) for path in found if os.path.isdir(path)]


def _kernel() -> tuple[int, int]:
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int(minor.partition("-")[0])


def _spec() -> dict[str, Any]:
    spec = pieces.template()
    spec["process"] |= {
        "terminal": False,
        "args": ["true"],
        "capabilities": pieces.capabilities(),
        "noNewPrivileges": False,
    }
    spec["root"]["readonly"] = False
    return spec


_SPEC = _spec()
_DEVICES = {"devices": pieces.device_rules()}
