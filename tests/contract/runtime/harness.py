"""Bundles over a busybox root, for every implementation of the role `Runtime`."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.root.runtime.driver import make_rootfs, spec
from wherry.engine.containers.builtin import BuiltinRuntime
from wherry.engine.containers.foreign.programs import BUILTIN, OciProgram, Programs, RuntimeSettings
from wherry.engine.containers.runtime import Bundle, LogTarget, Running
from wherry.kernel.cgroup.cgroup import Cgroup
from wherry.kernel.cgroup.hierarchy import detect
from wherry.kernel.mount import Mount

RUNTIMES = ("wherry", "runc", "crun", "runsc")


class Place:
    """Directories of one runtime under test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.exec_root = root / "run"
        self.data_root = root / "data"
        self.image = make_rootfs(self.data_root / "image")
        self.cgroup_parent = f"/wherry-test-{uuid.uuid4().hex[:8]}"
        self.program: OciProgram | None = None
        """The runtime that bundles are for, None for our own."""

    @property
    def is_sandbox(self) -> bool:
        """Whether what runs is inside of a kernel of its own (runsc)."""
        return self.program is not None and self.program.kind == "runsc"

    def bundle(self, *args: str, log: bool = True, resources: Any = None, **kwargs: Any) -> Bundle:
        """A bundle with a fresh writable layer, a fresh cgroup and (unless not) a fresh log."""
        name = uuid.uuid4().hex
        process = kwargs.pop("process", {})
        wanted = spec(*args, **process)
        wanted["linux"]["cgroupsPath"] = f"{self.cgroup_parent}/{name}"
        wanted["linux"]["resources"] = resources or {}
        target = LogTarget(str(self.root / "logs" / name)) if log else None
        defaults: dict[str, Any] = {
            "program": self.program,
            "spec": wanted, "rootfs": self.overlay(name), "log": target, "follow": True,
        }  # fmt: skip
        return Bundle(**{**defaults, **kwargs})

    def overlay(self, name: str) -> list[Mount]:
        """The image under a fresh writable layer."""
        place = self.data_root / name
        for part in ("upper", "work"):
            (place / part).mkdir(parents=True)
        options = [
            f"lowerdir+={self.image}", f"upperdir={place / 'upper'}", f"workdir={place / 'work'}"
        ]  # fmt: skip
        return [Mount("overlay", "overlay", "/", options)]


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    """A place that is gone, exec root and cgroup parent included, when the block ends."""
    # Not pytest's tmp_path: a unix socket's path is limited to 108 bytes (unix(7)).
    root = Path(tempfile.mkdtemp(prefix="rt-", dir="/tmp"))
    root.chmod(0o711)  # as /run is: root of a user namespace has to come through
    made = Place(root)
    try:
        yield made
    finally:
        Cgroup.locate(detect(), made.cgroup_parent).remove()
        shutil.rmtree(root)


@asynccontextmanager
async def builtin(where: Place) -> AsyncIterator[BuiltinRuntime]:
    """The built-in runtime with a keeper of its own, which leaves when the block ends."""
    runtime = await BuiltinRuntime.open(str(where.exec_root), str(where.data_root))
    try:
        yield runtime
    finally:
        for id in await runtime.list():
            await runtime.release(id)
        await runtime.shutdown_keeper()
        runtime.close()
    left = sorted(path.name for path in where.exec_root.iterdir())
    assert left in ([], ["keeper.log"]), left
    log = where.exec_root / "keeper.log"
    assert not log.exists() or not log.read_text(), log.read_text()


def program(name: str) -> OciProgram | None:
    """A runtime as a user names it; the test is skipped where it is not installed."""
    if name != BUILTIN and shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return Programs(RuntimeSettings()).find(name)


async def output(running: Running, offset: int | None = None) -> dict[int, bytes]:
    """Everything that a process writes, by output."""
    found: dict[int, bytes] = {1: b"", 2: b""}
    begin = running.stream.begin if offset is None else offset
    async with aclosing(running.stream.follow(begin)) as chunks:
        async for chunk in chunks:
            found[chunk.stream] += chunk.data
    return found


def children_of_keeper(where: Place) -> list[str]:
    """The pids of what the keeper is the parent of."""
    pid = (where.exec_root / "keeper.pid").read_text().strip()
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def is_root() -> bool:
    """Containers need it."""
    return os.geteuid() == 0
