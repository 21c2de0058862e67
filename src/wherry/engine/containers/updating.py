"""`update`: other limits and another restart policy for a container, running or not."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from wherry.engine.containers.checks import resources as resource_checks
from wherry.engine.containers.checks.host import check_restart_policy
from wherry.engine.containers.config import HostConfig, Resources, UpdateConfig
from wherry.engine.containers.runtime import KeeperGone, Runtime
from wherry.engine.containers.spec import limits
from wherry.errors import Conflict, Internal

if TYPE_CHECKING:
    from wherry.engine.containers.live import Live
    from wherry.engine.containers.roster import Roster
    from wherry.engine.host import Host


async def update(
    live: Live, given: UpdateConfig, roster: Roster, runtime: Runtime, host: Host
) -> list[str]:
    """Change what `given` names and return the warnings. Raises Invalid, Conflict, Internal."""
    resource_checks.check(given, host.limits, update=True)
    check_restart_policy(given.restart_policy)
    given, warnings = resource_checks.without_missing(given, host.limits)
    async with live.lock:
        record = live.record
        if live.removing:
            raise Conflict(f"cannot update container {live.id}: it is being removed")
        wanted = merged(record.host_config, given)
        if wanted.auto_remove and wanted.restart_policy.name not in ("", "no"):
            raise Conflict(
                "Restart policy cannot be updated because AutoRemove is enabled for the container"
            )
        resource_checks.check(wanted, host.limits)
        if live.running is not None:
            await _apply(live, given, runtime)
        record.host_config = wanted
        roster.save(live)
        roster.tell(live, "update")
    return warnings


async def _apply(live: Live, given: UpdateConfig, runtime: Runtime) -> None:
    try:
        await runtime.update(live.id, limits.resources(given))
    except (OSError, KeeperGone) as error:
        raise Internal(f"Cannot update container {live.id}: {error}") from error


def merged(before: HostConfig, given: UpdateConfig) -> HostConfig:
    """The configuration with every value of `given` that is set.

    0 is "not set" but for the limit of processes, where it lifts the limit, as in Docker.
    """
    changes = {
        field.name: value
        for field in dataclasses.fields(Resources)
        if (value := getattr(given, field.name)) not in (0, "", None, ())
    }
    if given.pids_limit is not None:
        changes["pids_limit"] = given.pids_limit
    if given.restart_policy.name:
        changes["restart_policy"] = given.restart_policy
    return dataclasses.replace(before, **changes)
