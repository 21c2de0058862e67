"""Ports of a running container, published and taken back while it runs; Docker has nothing like it.

What is added is kept with the container, so that its next start publishes it too. A container that
does not run has only its wishes changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wherry.engine.containers.config import PortBinding as Asked
from wherry.engine.networks import attachments as joining
from wherry.engine.networks import portspec
from wherry.engine.networks.sandbox import Sandbox
from wherry.errors import Invalid, NotFound

if TYPE_CHECKING:
    from wherry.engine.containers.live import Live
    from wherry.engine.containers.record import Container
    from wherry.engine.containers.roster import Roster
    from wherry.engine.networks.core import Core
    from wherry.engine.networks.values import Endpoint, Network, Published

Bindings = Mapping[str, Sequence[Asked] | None]
Kept = dict[str, tuple[Asked, ...] | None]


class Publishing:
    """Changes the published ports of one container; call everything under its lock."""

    def __init__(self, core: Core, roster: Roster) -> None:
        self._core = core
        self._roster = roster

    def add(self, live: Live, bindings: Bindings) -> None:
        """Publish further ports. Raises Invalid, Internal for a port in use; all or none."""
        record = live.record
        wanted = tuple(portspec.bindings(bindings))
        if live.running is not None:
            network, endpoint = self._target(record)
            address = joining.binding_address(network)
            fresh = self._core.ports.publish(wanted, endpoint, address)
            try:
                self._translate_inside(record, (*record.network.published, *fresh))
                self._core.firewall.publish(fresh)
            except BaseException:
                self._core.ports.release(fresh)
                raise
            self._note(live, (*record.network.published, *fresh))
        known = record.host_config.port_bindings or {}
        merged: Kept = {name: tuple(rows or ()) for name, rows in known.items()}
        for name, rows in bindings.items():
            merged[name] = (*(merged.get(name) or ()), *(rows or ()))
        self._keep(live, merged)

    def remove(self, live: Live, bindings: Bindings) -> None:
        """Take ports back: those named, on every address of the host unless one is named.

        Raises NotFound when one of them is not published.
        """
        record = live.record
        doomed = [_Doomed(name, row) for name, rows in bindings.items() for row in
                  rows or (Asked(),)]  # fmt: skip
        kept: Kept = dict(record.host_config.port_bindings or {})
        gone = [row for row in record.network.published if any(d.takes(row) for d in doomed)]
        for each in doomed:
            found = any(each.takes(row) for row in gone)
            if not each.take_from(kept) and not found:
                raise NotFound(
                    f"port {each.text} is not published by container {record.name}",
                    hint="see port, which lists what is",
                )
        self._core.firewall.unpublish(gone)
        self._core.ports.release(gone)
        self._note(live, tuple(row for row in record.network.published if row not in gone))
        self._keep(live, kept)

    def _translate_inside(self, record: Container, published: Sequence[Published]) -> None:
        if self._core.firewall.translates_inside:
            with Sandbox.open(f"/proc/{record.state.pid}/ns/net") as sandbox:
                self._core.firewall.translate_inside(sandbox, published)

    def _target(self, record: Container) -> tuple[Network, Endpoint]:
        made = [
            (network, attachment.endpoint)
            for attachment in record.network.attachments
            if (network := self._core.catalogue.by_id(attachment.endpoint.network_id)) is not None
        ]
        target = joining.target_of(made)
        if target is None:
            raise Invalid(
                f"container {record.name} is on no network that ports can be published from",
                hint="connect it to a bridge network that is not internal",
            )
        return target

    def _note(self, live: Live, published: tuple[Published, ...]) -> None:
        if live.running is not None:
            live.record.network = replace(live.record.network, published=published)
            self._roster.move(live, live.record.state)

    def _keep(self, live: Live, bindings: Kept) -> None:
        live.record.host_config = replace(live.record.host_config, port_bindings=bindings)
        self._roster.save(live)


class _Doomed:
    """A port that is to be taken back: container's port, host's address and port if named."""

    def __init__(self, text: str, row: Asked) -> None:
        self.port, self.proto = portspec.container_port(text)
        self._address = portspec.host_address(row.host_ip)
        self._host_ports = portspec.host_ports(row.host_port)
        host = f"{row.host_ip}:{row.host_port}:" if row.host_port else ""
        self.text = f"{host.removeprefix(':')}{self.port}/{self.proto}"

    def takes(self, row: Published) -> bool:
        """Whether a publication is meant."""
        first, last = self._host_ports
        return (
            (row.container_port, row.proto) == (self.port, self.proto)
            and self._address in ("", row.host_ip)
            and (last == 0 or first <= row.host_port <= last)
        )

    def take_from(self, bindings: Kept) -> bool:
        """Take the wish out of a container's bindings; whether there was one."""
        found = False
        for name, rows in list(bindings.items()):
            if portspec.container_port(name) != (self.port, self.proto):
                continue
            left = [row for row in rows or () if not self._means(row)]
            found = found or len(left) < len(rows or ()) or not rows
            if left:
                bindings[name] = tuple(left)
            else:
                del bindings[name]
        return found

    def _means(self, row: Asked) -> bool:
        port = portspec.host_ports(row.host_port)
        return self._address in ("", row.host_ip) and self._host_ports in ((0, 0), port)
