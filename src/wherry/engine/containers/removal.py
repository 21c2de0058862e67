"""Removing a container with all that belongs to it, in an order that a crash cannot spoil.

The record goes last: whatever is left before is found again by the next removal, or when the
daemon starts (`wherry.engine.reconcile`).
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from wherry.engine.containers import imagemounts
from wherry.engine.containers import state as states
from wherry.engine.values.containers import WaitAnswer
from wherry.errors import Conflict, Internal, Unsupported, WherryError

if TYPE_CHECKING:
    from wherry.engine.containers.lifecycle import Lifecycle
    from wherry.engine.containers.live import Live
    from wherry.engine.containers.roster import Roster
    from wherry.engine.containers.stopping import Stopping
    from wherry.engine.values.containers import RemoveRequest
    from wherry.engine.volumes.service import Volumes
    from wherry.storage.snapshot import Snapshotter


class Removal:
    """Removes containers."""

    def __init__(
        self,
        roster: Roster,
        snapshotter: Snapshotter,
        lifecycle: Lifecycle,
        stopping: Stopping,
        volumes: Volumes,
    ) -> None:
        self._roster = roster
        self._snapshotter = snapshotter
        self._lifecycle = lifecycle
        self._stopping = stopping
        self._volumes = volumes

    async def remove(self, live: Live, request: RemoveRequest) -> None:
        """Remove it. Raises Conflict when it runs and `force` is not set, or is being removed."""
        if request.link:
            raise Unsupported("removing a link is not supported")
        if live.removing:
            raise Conflict(f"removal of container {live.record.name} is already in progress")
        if live.record.state.running and not request.force:
            raise _runs(live)
        live.removing = True
        try:
            if live.record.state.running:
                await self._stopping.destroy(live)
            async with live.lock:
                await self._delete(live)
            if request.volumes:
                names = [point.name for point in live.record.mounts if point.kind == "volume"]
                await self._volumes.remove_anonymous(names)
        except (WherryError, OSError) as error:
            self._failed(live, error)
            raise
        finally:
            live.removing = False

    async def _delete(self, live: Live) -> None:
        record = live.record
        await self._lifecycle.let_go(live)
        self._roster.move(live, states.removing(record.state))
        self._snapshotter.remove(record.id)
        imagemounts.remove(record, self._snapshotter)
        _delete_tree(record.directory)
        self._roster.remove(live)
        live.tell_start(None)
        live.waits.removed(WaitAnswer(record.state.exit_code))
        self._roster.tell(live, "destroy")

    def _failed(self, live: Live, error: Exception) -> None:
        if live.record.state.status == states.REMOVING:
            failed = states.remove_failed(live.record.state, error=str(error))
            self._roster.move(live, failed)
        answer = WaitAnswer(live.record.state.exit_code, error=str(error))
        live.waits.removal_failed(answer)


def _runs(live: Live) -> Conflict:
    state = live.record.state
    prefix = f'cannot remove container "{live.record.name}": container is '
    if state.paused:
        return Conflict(f"{prefix}paused and must be unpaused first", hint="or force the removal")
    return Conflict(f"{prefix}{state.status}: stop the container before removing or force remove")


def _delete_tree(directory: str) -> None:
    """Delete a container's directory: three small files and a log of bounded size."""
    try:
        shutil.rmtree(directory)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Internal(f"unable to remove filesystem of {directory}: {error}") from error
