"""The labels of containers: AppArmor's and SELinux's, each where the kernel has it.

SELinux's are chosen when a container is made and kept in its record, since its files carry them;
AppArmor's profile is looked at anew at every start.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wherry.engine.containers.apparmor import AppArmor
from wherry.engine.containers.record import Labels
from wherry.engine.containers.spec import securityopt
from wherry.kernel import lsm
from wherry.kernel.mount import Mount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.engine.containers.config import HostConfig
    from wherry.engine.containers.record import Container
    from wherry.engine.containers.roster import Roster
    from wherry.engine.containers.selinux import SELinux


_NO_PARSER: Final = (
    "WARNING: AppArmor is active, but apparmor_parser (package apparmor) is not installed: "
    "containers run without a profile"
)


class Labelling:
    """Chooses labels, and makes sure that what they name is there."""

    def __init__(
        self, roster: Roster, apparmor: AppArmor | None = None, selinux: SELinux | None = None
    ) -> None:
        self._roster = roster
        self.apparmor = apparmor or AppArmor()
        self.selinux = selinux or _selinux()

    def choose(self, host: HostConfig) -> Labels:
        """The labels of a new container. Raises Invalid, NotFound."""
        process, files = self._contexts(host)
        return Labels(self.apparmor.profile_of(host), process, files)

    async def label_layers(self, data_root: str) -> None:
        """Give layers the policy's label for them; what is made in them later takes it over."""
        if self.selinux is None:
            return
        from wherry.engine.containers import relabel

        label = self.selinux.of_layers()
        for name in ("layers", "snapshots") if label else ():
            place = f"{data_root}/{name}"
            if not relabel.has(place, label):
                await asyncio.to_thread(relabel.relabel, place, "", label, shared=False)

    async def enter(self, record: Container) -> None:
        """Make a container's labels fit for a start. Raises Unavailable, Invalid, NotFound.

        The kernel may have come up with other modules than when the container was made.
        """
        profile = self.apparmor.profile_of(record.host_config)
        labels = replace(record.labels, apparmor=profile)
        if self._usable() is None:
            labels = replace(labels, process="", mount="")
        elif not labels.mount:
            process, files = self._contexts(record.host_config)
            labels = replace(labels, process=process, mount=files)
        record.labels = labels
        if profile:
            await asyncio.to_thread(self.apparmor.ensure, profile)

    def rootfs(self, record: Container, mounts: Sequence[Mount]) -> Sequence[Mount]:
        """The root's mounts, all of whose files have the container's context."""
        if not record.labels.mount:
            return mounts
        word = f"context={record.labels.mount}"
        return [
            Mount(each.type, each.source, each.target, [*each.options, word])
            if each.type == "overlay"
            else each
            for each in mounts
        ]

    async def label_files(self, record: Container) -> None:
        """Give the container's own files its label, and the mounts with z or Z. Raises Invalid."""
        if record.labels.mount:
            await asyncio.to_thread(_label_files, record)

    def active(self) -> list[str]:
        """The modules that label containers here, in the words of `info`."""
        usable = {"apparmor": self.apparmor.usable(), "selinux": self._usable() is not None}
        return [f"name={name}" for name, found in usable.items() if found]

    def warnings(self) -> list[str]:
        """What the person who runs the host should know."""
        if not self.apparmor.active() or self.apparmor.usable():
            return []
        return [_NO_PARSER]

    def ignored(self, host: HostConfig) -> list[str]:
        """Labels that were asked for and that this kernel does not know."""
        options = securityopt.of(host)
        said = [f"label={each}" for each in options.labels if each != "disable"]
        if self._usable() is not None:
            said = []
        if options.apparmor not in ("", securityopt.UNCONFINED) and not self.apparmor.active():
            said.append(f"apparmor={options.apparmor}")
        return [
            f"--security-opt {each} has no effect: the module is not active in this kernel"
            for each in said
        ]

    def _contexts(self, host: HostConfig) -> tuple[str, str]:
        selinux = self._usable()
        if selinux is None:
            return "", ""
        lenders = [
            label
            for mode in (host.ipc_mode, host.pid_mode)
            if mode.startswith("container:")
            and (label := self._roster.find(mode.partition(":")[2]).record.labels.process)
        ]
        taken = [live.record.labels.mount for live in self._roster]
        return selinux.labels_of(host, taken, lenders)

    def _usable(self) -> SELinux | None:
        return self.selinux if self.selinux is not None and self.selinux.usable() else None


def _selinux() -> SELinux | None:
    """None where the kernel came up without it, which is then not imported either."""
    if not lsm.selinux_active():
        return None
    from wherry.engine.containers.selinux import SELinux

    return SELinux()


def _label_files(record: Container) -> None:
    from wherry.engine.containers import relabel

    label = record.labels.mount
    for path in (record.hostname_path, record.hosts_path, record.resolv_conf_path):
        # With another container's network come its files, and they are its own.
        if os.stat(path).st_nlink == 1:
            lsm.set_file_label(path, label)
    for point in record.mounts:
        if point.kind not in ("tmpfs", "image") and (word := relabel.wanted(point.mode)):
            relabel.relabel(point.source, point.subpath, label, shared=word == "z")
