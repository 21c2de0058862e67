"""From a container that a client of a scoped socket wants to one that it may have.

Refused is what reaches beyond the scope; other objects are looked up among those that the scope
sees and named by their ids from there on; labels and the confinement of mounts are put on.
"""

from __future__ import annotations

import posixpath
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wherry.api.scoped import limits
from wherry.engine.containers import links
from wherry.engine.containers.config import EndpointSettings, HostConfig, Mount, NetworkingConfig
from wherry.engine.containers.confinement import Confinement, below, harmless
from wherry.engine.containers.modes import other_container
from wherry.errors import Denied, Invalid, NotFound, WherryError

if TYPE_CHECKING:
    from wherry.api.scoped.sight import Sight
    from wherry.engine.containers.record import Container, MountPoint
    from wherry.engine.values.containers import CreateRequest

_OWN_NETWORK: Final = ("", "default", "bridge", "none")
_OWN_IPC: Final = ("", "private", "shareable", "none")
_NEVER_WITH_BINDS: Final = ("MKNOD", "SETFCAP")
"""Root in the container could leave a node of the disk, or a program with capabilities, in a
directory of the host, for somebody there to use."""


@dataclass(frozen=True, slots=True)
class Creation:
    """Makes requests fit a scope."""

    sight: Sight

    async def fitted(self, request: CreateRequest) -> CreateRequest:
        """The request as it is made. Raises Denied, NotFound, Invalid."""
        host = request.host_config
        limits.check_host(host)
        self._check_ports(host)
        self._check_mounts(host)
        config = replace(
            request.config,
            labels=self.sight.labelled(request.config.labels),
            image=await self.sight.image_to_use(request.config.image),
        )
        host = await self._host(host)
        return replace(
            request,
            config=config,
            host_config=host,
            networking=await self._networking(request.networking),
            confinement=Confinement(self.sight.scope.bind_root, self.sight.scope.labels),
        )

    async def _host(self, host: HostConfig) -> HostConfig:
        binds = any(limits.bind_source(text) for text in host.binds or ())
        binds = binds or any(mount.type == "bind" for mount in host.mounts or ())
        dropped = _NEVER_WITH_BINDS if binds or host.volumes_from else ()
        return replace(
            host,
            network_mode=await self._network_mode(host.network_mode),
            ipc_mode=await self._mode("ipc", host.ipc_mode, _OWN_IPC),
            pid_mode=await self._mode("pid", host.pid_mode, ("", "private")),
            links=await self._links(host.links),
            volumes_from=await self._lenders(host.volumes_from),
            mounts=await self._mounts(host.mounts),
            cap_drop=(*(host.cap_drop or ()), *dropped) if dropped else host.cap_drop,
            cap_add=_without(host.cap_add, dropped),
        )

    # -- namespaces and networks

    async def _mode(self, what: str, mode: str, own: tuple[str, ...]) -> str:
        if mode in own:
            return mode
        ref = other_container(mode)
        if not ref:
            raise Denied(f"{what} mode {mode} is more than this socket gives")
        return f"container:{(await self._named(self.lender, ref)).id}"

    async def _network_mode(self, mode: str) -> str:
        if mode in _OWN_NETWORK:
            return mode
        if mode == "host" or other_container(mode):
            return await self._mode("network", mode, ())
        return (await self.sight.network(mode)).network.id

    async def _networking(self, wanted: NetworkingConfig) -> NetworkingConfig:
        if wanted.endpoints_config is None:
            return wanted
        found: dict[str, EndpointSettings | None] = {}
        for name, settings in wanted.endpoints_config.items():
            limits.check_endpoint(settings)
            key = name
            if name not in _OWN_NETWORK:
                key = (await self.sight.network(name)).network.id
            found[key] = settings
        return replace(wanted, endpoints_config=found)

    async def _links(self, wanted: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if not wanted:
            return wanted
        rows = [links.split(text) for text in wanted]
        find = self.sight.container
        return tuple([f"{(await self._named(find, ref)).id}:{alias}" for ref, alias in rows])

    def _check_ports(self, host: HostConfig) -> None:
        if (host.port_bindings or host.publish_all_ports) and not self.sight.may(
            "container:publish"
        ):
            raise Denied(
                "ports cannot be published through this socket",
                hint="it was made without container:publish",
            )

    # -- mounts

    def _check_mounts(self, host: HostConfig) -> None:
        """By the text alone, before anything is looked up at the host: paths there are secrets."""
        paths = [limits.bind_source(text) for text in host.binds or ()]
        for mount in host.mounts or ():
            if mount.type == "bind":
                paths.append(mount.source)
            if mount.type == "image":
                raise Denied("images cannot be mounted through this socket")
            options = mount.volume_options
            if options and options.driver_config and options.driver_config.options:
                raise Denied("volumes with driver options cannot be made through this socket")
            if mount.type not in ("bind", "volume", "tmpfs"):
                raise Invalid(f"mount type {mount.type} unknown")
        for path in filter(None, paths):
            self._check_path(path)

    def _check_path(self, path: str) -> None:
        root = self.sight.scope.bind_root
        if not root:
            raise Denied(
                f"{path} cannot be mounted: through this socket no directory of the host can",
                hint="use a volume; --bind-root gives a directory when the socket is made",
            )
        if below(posixpath.normpath(path), root) is None:
            raise Denied(f"{path} cannot be mounted: only directories below {root} can")

    async def _mounts(self, wanted: tuple[Mount, ...] | None) -> tuple[Mount, ...] | None:
        if not wanted:
            return wanted
        return tuple([await self._mount(mount) for mount in wanted])

    async def _mount(self, mount: Mount) -> Mount:
        if mount.type != "image":
            return mount
        return replace(mount, source=await self.sight.image_to_use(mount.source))

    async def _lenders(self, wanted: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if not wanted:
            return wanted
        rows = [text.partition(":") for text in wanted]
        find = self.lender
        rest = [f"{separator}{mode}" for _, separator, mode in rows]
        found = [(await self._named(find, ref)).id for ref, _, _ in rows]
        return tuple(map("".join, zip(found, rest, strict=True)))

    async def _named(self, find: Callable[[str], Awaitable[Container]], ref: str) -> Container:
        """As Docker, not a 404: clients would take that for a missing image and pull it."""
        try:
            return await find(ref)
        except NotFound as error:
            raise Invalid(error.message) from None

    # -- containers that are there

    async def lender(self, ref: str) -> Container:
        """A container whose files, processes or namespaces may be had. Raises NotFound, Denied.

        It might have been made with more rights than this socket gives, and with the same label.
        """
        record = await self.sight.container(ref)
        try:
            limits.check_made(record.host_config)
            for point in record.mounts:
                await self._check_point(point)
        except WherryError as error:
            raise Denied(
                f"container {record.name} was made with more than the socket "
                f"{self.sight.scope.name} gives: {error.message}"
            ) from None
        return record

    async def _check_point(self, point: MountPoint) -> None:
        if point.kind == "bind":
            self._check_path(posixpath.join(point.source, point.subpath))
        elif point.kind == "volume" and not harmless((await self.sight.volume(point.name)).volume):
            raise Denied(f"the options of volume {point.name} lead to the host's files")


def _without(names: tuple[str, ...] | None, dropped: tuple[str, ...]) -> tuple[str, ...] | None:
    if not names or not dropped:
        return names
    return tuple(name for name in names if name.upper().removeprefix("CAP_") not in dropped)
