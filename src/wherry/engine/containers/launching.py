"""From a container's record to its running process: everything a start needs, in order."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wherry.engine.containers import bindsources, imagemounts, links, mountowners, propagation
from wherry.engine.containers.checks.runtime import check_lender
from wherry.engine.containers.live import Live
from wherry.engine.containers.logdrivers import log_target
from wherry.engine.containers.runtime import Running, Runtime
from wherry.engine.containers.spec import files
from wherry.engine.containers.spec.compose import Composer, Surroundings
from wherry.engine.containers.spec.files import Naming
from wherry.engine.containers.spec.namespaces import borrowed, namespace_path
from wherry.errors import Conflict

if TYPE_CHECKING:
    from wherry.engine.containers.labelling import Labelling
    from wherry.engine.containers.record import Container
    from wherry.engine.containers.roster import Roster
    from wherry.engine.networks.networking import Networking
    from wherry.engine.volumes.service import Volumes
    from wherry.storage.snapshot import Snapshotter

_LENT_FILES = ("resolv.conf", "hosts", "hostname")


class Launching:
    """Starts containers' processes; knows nothing of states."""

    def __init__(
        self,
        roster: Roster,
        snapshotter: Snapshotter,
        runtime: Runtime,
        composer: Composer,
        volumes: Volumes,
        networking: Networking,
        labelling: Labelling,
    ) -> None:
        self._labelling = labelling
        self._roster = roster
        self._snapshotter = snapshotter
        self._runtime = runtime
        self._composer = composer
        self._volumes = volumes
        self._networking = networking

    async def launch(self, live: Live) -> Running:
        """Start the main process; returns when it has been executed.

        Raises LaunchError, kinds of wherry.errors, KeeperGone and OSError.
        """
        record = live.record
        lenders = self._lenders(live)
        await self._labelling.enter(record)
        await self._volumes.enter(record)
        bindsources.prepare(record.mounts)
        propagation.check(record.mounts)
        owners = await mountowners.of(record, self._snapshotter)
        paths = {kind: namespace_path(pid, kind) for kind, (_, pid) in lenders.items()}
        if record.user_map and lenders:
            paths["user"] = _user_namespace(record, lenders.values())
        linked = links.resolve(record, lambda ref: self._roster.find(ref).record)
        gateways = await self._networking.host_gateways(record)
        sandbox = await self._networking.enter(live, paths.get("user", ""))
        with sandbox or contextlib.nullcontext():
            if sandbox is not None:
                paths["network"] = sandbox.path
                if sandbox.owner_path:
                    paths["user"] = sandbox.owner_path
            naming = Naming(gateways, links.hosts_lines(linked), self._networking.resolver_defaults)
            around = self._surroundings(live, paths, naming, links.variables(record, linked))
            around = replace(around, owners=owners)
            await self._labelling.label_files(record)
            running = await self._runtime.start(record.id, self._composer.bundle(record, around))
        self._volumes.tell_use("mount", record)
        return running

    def _surroundings(
        self, live: Live, paths: Mapping[str, str], naming: Naming, variables: Sequence[str]
    ) -> Surroundings:
        """What is outside of the record; the files of /etc are written on the way.

        `paths` are the namespaces that are there already, by kind.
        """
        record = live.record
        hostname = self._hostname(live)
        os.makedirs(record.directory, mode=0o710, exist_ok=True)
        self._write_files(live, hostname, naming)
        return Surroundings(
            rootfs=self._labelling.rootfs(record, self._snapshotter.mounts(record.id)),
            namespaces=paths,
            hostname=hostname,
            log=log_target(record),
            follow=live.is_awaited,
            variables=variables,
            images={
                target: self._labelling.rootfs(record, [shown])[0]
                for target, shown in imagemounts.mounts(record, self._snapshotter).items()
            },
        )

    def tell_end(self, live: Live) -> None:
        """Publish what the container's end means to others than itself."""
        self._networking.leave(live)
        self._volumes.tell_use("unmount", live.record)

    async def leave(self, live: Live) -> None:
        """Let go of what the container's run held outside of it."""
        self._networking.leave(live)
        await self._volumes.leave(live.record)

    def _lenders(self, live: Live) -> dict[str, tuple[Live, int]]:
        """The running containers whose namespaces this one borrows.

        Raises Conflict, NotFound, Invalid.
        """
        found = {}
        for kind, ref in borrowed(live.record.host_config).items():
            lender = self._roster.find(ref)
            state = lender.record.state
            if not state.running or not state.pid:
                raise Conflict(
                    f"cannot join the {kind} namespace of a non running container: {lender.id}",
                    hint="start that container first",
                )
            check_lender(kind, lender.id, self._composer.program_of(lender.record))
            found[kind] = (lender, state.pid)
        return found

    def _network_lender(self, live: Live) -> Live | None:
        ref = borrowed(live.record.host_config).get("network")
        return self._roster.find(ref) if ref else None

    def _hostname(self, live: Live) -> str:
        config, host = live.record.config, live.record.host_config
        if host.uts_mode == "host" or (host.network_mode == "host" and not config.hostname):
            return os.uname().nodename
        lender = self._network_lender(live)
        if lender is not None:
            return self._hostname(lender)
        return config.hostname or live.record.short_id

    def _write_files(self, live: Live, hostname: str, naming: Naming) -> None:
        """With another container's network come its files; they are the same files then."""
        lender = self._network_lender(live)
        if lender is None:
            files.write(live.record, hostname, naming)
            return
        for name in _LENT_FILES:
            _link(f"{lender.record.directory}/{name}", f"{live.record.directory}/{name}")


def _link(source: str, target: str) -> None:
    if os.path.exists(target):
        if os.path.samefile(source, target):
            return
        os.unlink(target)
    os.link(source, target)


def _user_namespace(record: Container, lenders: Collection[tuple[Live, int]]) -> str:
    """The user namespace that the borrowed ones belong to. Raises Conflict when they differ."""
    paths = [namespace_path(pid, "user") for _, pid in lenders]
    one = len({os.stat(path).st_ino for path in paths}) == 1
    if not one or any(lender.record.user_map != record.user_map for lender, _ in lenders):
        raise Conflict(
            "cannot join namespaces that belong to different user namespaces",
            hint="create the container anew: those it was created for have changed",
        )
    return paths[0]
