"""The labels of containers: AppArmor's and SELinux's, each where the kernel has it.

SELinux's are chosen when a container is made and kept in its record, since its files carry them;
AppArmor's profile is looked at anew at every start.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wherry.engine.containers.apparmor import AppArmor
from wherry.engine.containers.record import Labels
from wherry.engine.containers.spec import securityopt

if TYPE_CHECKING:
    from wherry.engine.containers.config import HostConfig
    from wherry.engine.containers.record import Container


_NO_PARSER: Final = (
    "WARNING: AppArmor is active, but apparmor_parser (package apparmor) is not installed: "
    "containers run without a profile"
)


class Labelling:
    """Chooses labels, and makes sure that what they name is there."""

    def __init__(self, apparmor: AppArmor | None = None) -> None:
        self.apparmor = apparmor or AppArmor()

    def choose(self, host: HostConfig) -> Labels:
        """The labels of a new container. Raises Invalid."""
        return Labels(apparmor=self.apparmor.profile_of(host))

    async def enter(self, record: Container) -> None:
        """Make a container's labels ready for a start. Raises Unavailable."""
        profile = self.apparmor.profile_of(record.host_config)
        if profile != record.labels.apparmor:
            record.labels = replace(record.labels, apparmor=profile)
        if profile:
            await asyncio.to_thread(self.apparmor.ensure, profile)

    def active(self) -> list[str]:
        """The modules that label containers here, in the words of `info`."""
        return ["name=apparmor"] if self.apparmor.usable() else []

    def warnings(self) -> list[str]:
        """What the person who runs the host should know."""
        if not self.apparmor.active() or self.apparmor.usable():
            return []
        return [_NO_PARSER]

    def ignored(self, host: HostConfig) -> list[str]:
        """Labels that were asked for and that this kernel does not know."""
        options = securityopt.of(host)
        said = [f"label={each}" for each in options.labels if each != "disable"]
        if options.apparmor not in ("", securityopt.UNCONFINED) and not self.apparmor.active():
            said.append(f"apparmor={options.apparmor}")
        return [
            f"--security-opt {each} has no effect: the module is not active in this kernel"
            for each in said
        ]
