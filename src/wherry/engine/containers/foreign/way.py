"""The way of another OCI runtime: bundle directories and its command line (`ways.Way`).

Create, start and exec are the keeper's, which becomes the parent of what comes of them; what
leaves no process behind (kill, pause, resume, delete) is done from here. The cgroup is made and
limited by us before and is the same as any container's, so that limits, figures and ends do not
depend on the runtime.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from wherry import jsontext
from wherry.engine.containers.builtin_plan import opened_spec, sized
from wherry.engine.containers.foreign.programs import OciProgram
from wherry.engine.containers.runtime import LaunchError
from wherry.engine.containers.ways import BUNDLES, STATES
from wherry.errors import Internal
from wherry.kernel.cgroup.cgroup import Cgroup
from wherry.runtime.foreign.plan import plan_exec, plan_start

if TYPE_CHECKING:
    from wherry.engine.containers.runtime import Bundle, ExecProcess
    from wherry.engine.containers.ways import Started
    from wherry.kernel.cgroup.hierarchy import Hierarchies

PATIENCE: Final = 30.0
"""Seconds for a command that only talks to a container."""

_PROGRAM: Final = "program.json"
_KEEP_OUT: Final = ("--cgroup-manager=disabled", "--ignore-cgroups", "-ignore-cgroups")
"""Arguments by which a runtime is told to leave cgroups alone: then it is born in the right one."""
_SIGKILL: Final = 9

_log = logging.getLogger(__name__)


def of_note(note: Mapping[str, Any], exec_root: str, hierarchies: Hierarchies) -> ForeignWay:
    """The way that `ForeignWay.note` described."""
    program = OciProgram(note["name"], note["path"], tuple(note["args"]))
    return ForeignWay(program, exec_root, _hidden(hierarchies))


class ForeignWay:
    """See `ways.Way`. `hide` are mounts of the host that a runtime is not to see."""

    def __init__(self, program: OciProgram, exec_root: str, hide: Sequence[str] = ()) -> None:
        self.program = program
        self._bundles = f"{exec_root}/{BUNDLES}"
        self._state = f"{exec_root}/{STATES}/{program.kind}"
        self._hide = hide

    def note(self) -> Mapping[str, Any]:
        """See `Way.note`."""
        return self.program.note()

    @contextlib.contextmanager
    def start_plan(
        self, id: str, bundle: Bundle, cgroup: Cgroup
    ) -> Iterator[tuple[dict[str, Any], Sequence[int]]]:
        """See `Way.start_plan`."""
        self.clear(id)  # of a run that was lost with its keeper
        with opened_spec(bundle) as (spec, fds):
            plan = self._planned(id, bundle, spec, cgroup)
            os.makedirs(self._directory(id), mode=0o711)
            os.makedirs(self._state, mode=0o700, exist_ok=True)
            with open(f"{self._directory(id)}/{_PROGRAM}", "w", encoding="utf-8") as file:
                file.write(jsontext.encode(self.note()))
            yield plan, fds

    def _planned(
        self, id: str, bundle: Bundle, spec: Mapping[str, Any], cgroup: Cgroup
    ) -> dict[str, Any]:
        try:
            return plan_start(
                id,
                spec,
                runtime=self._command(),
                directory=self._directory(id),
                rootfs=bundle.rootfs,
                user=(bundle.user, bundle.groups) if bundle.user else None,
                hide=self._hide,
                tasks=self._tasks(cgroup),
            )
        except ValueError as error:
            raise LaunchError("plan", 0, str(error)) from error

    def exec_plan(
        self, container: Started, exec_id: str, process: ExecProcess, cgroup: Cgroup
    ) -> tuple[dict[str, Any], Sequence[int]]:
        """See `Way.exec_plan`."""
        plan = plan_exec(
            container.id,
            exec_id,
            sized(process.process, process.window),
            runtime=self._command(),
            directory=self._directory(container.id),
            user=(process.user, process.groups) if process.user else None,
            hide=self._hide,
            tasks=self._tasks(container.cgroup),
        )
        return plan, [container.pidfd, container.rootfs]

    def exec_cgroup(self, container: Cgroup, exec_id: str) -> Cgroup:
        """None of its own: the runtime puts an exec where its container is."""
        return Cgroup({}, "")

    async def signal(self, process: Started, signo: int) -> None:
        """By the runtime, for which the process may be no more than the outside of a sandbox."""
        if process.container:
            process.signal(signo)
            return
        complaint = await asyncio.to_thread(self._tell, "kill", process.id, str(signo))
        if not complaint:
            return
        process.signal(0)  # raises Conflict when it has gone meanwhile
        if signo != _SIGKILL:
            raise Internal(f"cannot kill container {process.id}: {complaint}")
        _log.warning("%s kill %s: %s", self.program.name, process.id, complaint)
        await asyncio.to_thread(process.cgroup.kill)

    async def pause(self, process: Started) -> None:
        """See `Way.pause`."""
        await self._do("pause", process.id)

    async def resume(self, process: Started) -> None:
        """See `Way.resume`."""
        await self._do("resume", process.id)

    def clear(self, id: str) -> None:
        """Delete the runtime's state of a container, and the bundle; see `Way.clear`."""
        if not os.path.isdir(self._directory(id)):
            return
        if complaint := self._tell("delete", "--force", id):
            _log.debug("%s delete %s: %s", self.program.name, id, complaint)
        shutil.rmtree(self._directory(id), ignore_errors=True)

    async def _do(self, verb: str, id: str) -> None:
        if complaint := await asyncio.to_thread(self._tell, verb, id):
            raise Internal(f"cannot {verb} container {id}: {complaint}")

    def _tell(self, *words: str) -> str:
        """Run a command that leaves no process behind; its complaint, "" when it succeeded."""
        try:
            done = subprocess.run(
                [*self._command(), *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE,
                check=False,
                cwd="/",
            )
        except subprocess.TimeoutExpired:
            return f"{self.program.path} does not answer"
        except OSError as error:
            return f"{self.program.path}: {error.strerror}"
        if not done.returncode:
            return ""
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        return said or f"{self.program.path} ended with exit code {done.returncode}"

    def _command(self) -> list[str]:
        return [self.program.path, *self.program.args, "--root", self._state]

    def _directory(self, id: str) -> str:
        return f"{self._bundles}/{id}"

    def _tasks(self, cgroup: Cgroup) -> list[str]:
        return cgroup.task_files() if set(_KEEP_OUT) & set(self.program.args) else []


def _hidden(hierarchies: Hierarchies) -> list[str]:
    """The unified tree beside version 1 ones: crun refuses a machine that has both."""
    return [hierarchies.v2.mountpoint] if hierarchies.v1 and hierarchies.v2 else []


def sweep(exec_root: str, known: frozenset[str]) -> None:
    """Clear up after containers whose keeper was lost: `known` are those that there are; blocks."""
    with contextlib.suppress(FileNotFoundError):
        for id in set(os.listdir(f"{exec_root}/{BUNDLES}")) - known:
            directory = f"{exec_root}/{BUNDLES}/{id}"
            try:
                note = jsontext.read(f"{directory}/{_PROGRAM}")
                program = OciProgram(note["name"], note["path"], tuple(note["args"]))
            except (OSError, ValueError, KeyError, TypeError):
                shutil.rmtree(directory, ignore_errors=True)
            else:
                ForeignWay(program, exec_root).clear(id)
