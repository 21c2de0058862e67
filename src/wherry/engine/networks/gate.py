"""The way to the parts of networks: built when first needed, so that an idle engine has none.

Opening brings the host to what is on record: bridges and firewall of a rebooted machine come back,
and what an engine that was killed left half made goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from wherry.errors import Unavailable

if TYPE_CHECKING:
    from wherry.engine.containers.record import Container
    from wherry.engine.networks.core import Core
    from wherry.engine.networks.egress_service import Tell
    from wherry.engine.networks.ownedpool import Upcoming
    from wherry.engine.networks.settings import NetworkSettings
    from wherry.storage.database import Database


_NEEDS: Final = (
    "the kernel needs bridge, veth and nf_tables; without them containers run with "
    "--network none or host"
)


class Gate:
    """Opens the one `Core` of an engine.

    `records` gives every container, at any moment. `place` tells this engine's links and
    tables from those of others on the machine: its data-root, "" for the machine's own engine.
    `tell_denied` publishes what egress policies denied.
    """

    def __init__(
        self,
        settings: NetworkSettings | None,
        database: Database,
        records: Callable[[], Iterable[Container]],
        engine_id: str,
        place: str,
        tell_denied: Tell,
        upcoming: Upcoming,
    ) -> None:
        self._upcoming = upcoming
        self._settings = settings
        self._database = database
        self._records = records
        self._engine_id = engine_id
        self._place = place
        self._tell_denied = tell_denied
        self._opening = asyncio.Lock()
        self._core: Core | None = None

    @property
    def settings(self) -> NetworkSettings:
        """What the configuration says, or the defaults where it says nothing."""
        if self._settings is None:
            # Imported here: nobody has asked for anything until now.
            from wherry.engine.networks.settings import NetworkSettings

            self._settings = NetworkSettings()
        return self._settings

    @property
    def core(self) -> Core | None:
        """The core, if it has been opened."""
        return self._core

    def warnings(self) -> tuple[str, ...]:
        """What the person who runs the host should do for the networks."""
        return self._core.firewall.warnings() if self._core is not None else ()

    def was_open(self) -> bool:
        """Whether an earlier daemon of this data-root had networks."""
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'networks'"
            ).fetchone()
        return found is not None

    async def open(self) -> Core:
        """The core. Raises Unavailable, Invalid for a configuration that fits not."""
        if self._core is not None:
            return self._core
        async with self._opening:
            if self._core is None:
                # Imported here: an engine without networks has no use for any of it.
                from wherry.engine.networks import opening

                records = [record for record in self._records() if record.state.running]
                try:
                    self._core = await opening.open_core(
                        self.settings, self._database, records, self._engine_id, self._place,
                        self._name_of, self._tell_denied, self._upcoming,
                    )  # fmt: skip
                except OSError as error:
                    raise Unavailable(f"cannot make networks: {error}", hint=_NEEDS) from error
        return self._core

    def _name_of(self, id: str) -> str:
        return next((record.name for record in self._records() if record.id == id), id[:12])

    async def close(self, *, remove: bool) -> None:
        """Let go; with `remove` what the engine made on the host goes too."""
        core, self._core = self._core, None
        if core is not None:
            await core.close(remove=remove)
