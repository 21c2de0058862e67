"""Where a process belongs among the cgroups."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from wherry.kernel.cgroup.cgroup import Cgroup


class CgroupPlace:
    """What a plan needs to know of a cgroup.

    `tasks`: files into which the child writes "0" to join (v1: `tasks`; v2 without `into`:
    `cgroup.procs`). `into`: the v2 directory to be born in, or None. `directories`: the container's
    directory in each v1 hierarchy, by controller or "name=systemd" (`Cgroup.v1`). `unified`: its v2
    directory where v2 is what it sees at /sys/fs/cgroup, else None.
    """

    __slots__ = ("directories", "into", "tasks", "unified")

    def __init__(
        self,
        tasks: Sequence[str] = (),
        *,
        into: str | None = None,
        directories: Mapping[str, str] | None = None,
        unified: str | None = None,
    ) -> None:
        self.tasks = list(tasks)
        self.into = into
        self.directories = dict(directories or {})
        self.unified = unified

    @classmethod
    def of(cls, cgroup: Cgroup) -> Self:
        """The place that a cgroup made by `kernel.cgroup` is."""
        return cls(
            cgroup.task_files(),
            into=cgroup.v2 or None,
            directories=cgroup.v1,
            unified=None if cgroup.v1 else cgroup.v2 or None,
        )
