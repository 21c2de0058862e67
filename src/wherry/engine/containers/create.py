"""Creating a container: everything is checked first, then made, and unmade if anything fails."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from wherry.engine.containers import (
    bindsources,
    defaults,
    imageconfig,
    imagemounts,
    links,
    logdrivers,
    marks,
    names,
)
from wherry.engine.containers.checks import config as config_checks
from wherry.engine.containers.checks import host as host_checks
from wherry.engine.containers.checks import network as network_checks
from wherry.engine.containers.checks import resources as resource_checks
from wherry.engine.containers.checks import runtime as runtime_checks
from wherry.engine.containers.checks import security as security_checks
from wherry.engine.containers.checks import texts, tmpfs
from wherry.engine.containers.mountpoints import Wanted, check_tmpfs, mount_points
from wherry.engine.containers.record import Container
from wherry.engine.values.containers import Created, CreateRequest
from wherry.engine.volumes import copyup
from wherry.errors import Internal, Invalid
from wherry.spec import platform as platforms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wherry.engine.containers.cdi.service import DeviceInterface
    from wherry.engine.containers.config import HostConfig
    from wherry.engine.containers.foreign.programs import Programs
    from wherry.engine.containers.labelling import Labelling
    from wherry.engine.containers.roster import Roster
    from wherry.engine.containers.usernamespaces import UserNamespaces
    from wherry.engine.host import Host
    from wherry.engine.networks.networking import Networking
    from wherry.engine.profile import Profile
    from wherry.engine.volumes.service import Volumes
    from wherry.image.record import Image
    from wherry.storage.snapshot import Snapshotter

NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
NAME_PATTERN: Final = "[a-zA-Z0-9][a-zA-Z0-9_.-]"


class Images(Protocol):
    """What creating needs of the image store."""

    async def find(self, ref: str, platform: str) -> Image:
        """The image that `ref` means, of the platform if one is named, unpacked.

        Raises NotFound; Invalid or Unsupported for what is kept but cannot be run here.
        """


class Creation:
    """Creates containers below `directory` (the data-root's `containers`)."""

    def __init__(
        self,
        roster: Roster,
        images: Images,
        snapshotter: Snapshotter,
        host: Host,
        volumes: Volumes,
        networking: Networking,
        directory: str,
        profile: Profile,
        programs: Programs,
        labelling: Labelling,
        user_namespaces: UserNamespaces,
        cdi: DeviceInterface,
    ) -> None:
        self._cdi = cdi
        self._user_namespaces = user_namespaces
        self._labelling = labelling
        self._profile = profile
        self._programs = programs
        self._roster = roster
        self._images = images
        self._snapshotter = snapshotter
        self._host = host
        self._volumes = volumes
        self._networking = networking
        self._directory = directory
        self._own_platform = platforms.of_machine(host.machine)

    async def create(self, request: CreateRequest) -> Created:
        """Create one. Raises Invalid, NotFound, Conflict, Unsupported."""
        request, warnings = self._checked(request)
        networking = await self._networking.canonical(
            request.networking, request.host_config.network_mode
        )
        request = replace(request, networking=networking)
        image = await self._images.find(request.config.image, request.platform)
        warnings += self._check_platform(request, image)
        others = await imagemounts.find(request.host_config, self._images.find)
        id = secrets.token_hex(32)
        name = self._take_name(request.name, id)
        try:
            with self._user_namespaces.hold(
                request.host_config, able=self._has_user_namespaces(request.host_config)
            ) as (mode, rows):
                host = replace(request.host_config, userns_mode=mode)
                request = replace(request, host_config=host)
                record, wanted = self._record(request, image, id, name)
                record.user_map = rows
                if rows:
                    security_checks.check_mapped(request.host_config)
                record.mounts = imagemounts.resolved(record.mounts, id, others)
                warnings += bindsources.warnings(record.mounts)
                if request.confinement is not None:
                    request.confinement.check_volumes(wanted, self._volumes.find)
                with self._volumes.hold([each.volume for each in wanted if each.volume]):
                    await self._make(record, image, others)
        except BaseException:
            self._roster.release(name)
            raise
        return Created(id, tuple(warnings))

    def _checked(self, request: CreateRequest) -> tuple[CreateRequest, list[str]]:
        """The request without what this host cannot limit. Raises Invalid, Unsupported."""
        host = request.host_config
        check_name(request.name)
        config_checks.check(request.config)
        texts.check(request.config)
        texts.check(host)
        tmpfs.check(host)
        host_checks.check(host)
        network_checks.check(request.config, host)
        links.check(host, lambda ref: self._roster.find(ref).record)
        resource_checks.check(host, self._host.limits)
        runtime_checks.check(host, self._programs)
        self._cdi.check(host.device_requests)
        security_checks.check(host)
        logdrivers.target_of(host.log_config, "", json_file=False)
        if not request.config.image:
            raise Invalid("no image specified", hint="name the image to create a container from")
        host, warnings = resource_checks.without_missing(host, self._host.limits)
        warnings += network_checks.warnings(host) + self._labelling.ignored(host)
        warnings += security_checks.warnings(host, self._host.cgroup_version)
        return replace(request, host_config=host), warnings

    def _check_platform(self, request: CreateRequest, image: Image) -> list[str]:
        """A foreign platform that was not asked for is warned about."""
        there = image.config.platform
        if request.platform or self._own_platform.can_run(there):
            return []
        warning = (
            f"The requested image's platform ({there}) does not match the detected host platform "
            f"({self._own_platform}) and no specific platform was requested"
        )
        return [warning]

    def _take_name(self, wanted: str, id: str) -> str:
        name = wanted.removeprefix("/") or names.generate(self._roster.is_taken, id[:12])
        self._roster.reserve(name, id)
        return name

    def _record(
        self, request: CreateRequest, image: Image, id: str, name: str
    ) -> tuple[Container, Sequence[Wanted]]:
        directory = f"{self._directory}/{id}"
        inherited = imageconfig.of_image(image.config.config)
        config = imageconfig.merge(request.config, inherited)
        config_checks.check(config)
        asked = request.host_config
        runtime = self._programs.chosen(asked.runtime, asked.isolation)
        host = defaults.host_config(asked, self._host, runtime)
        config = defaults.config(config, host, id, os.uname().nodename)
        wanted = mount_points(
            config,
            host,
            self._volumes.path,
            self._lender,
            request.caller,
            create=self._profile.missing_bind_source == "create",
            callers=self._profile.bind_ownership == "idmap",
        )
        if request.confinement is not None:
            wanted = request.confinement.confined(wanted, request.caller)
        points = tuple(each.point for each in wanted)
        check_tmpfs(tuple(host.tmpfs or ()), points)
        path, args = imageconfig.command_of(config)
        record = Container(
            id=id,
            name=name,
            created=time.time_ns(),
            path=path,
            args=args,
            config=config,
            host_config=host,
            networking=request.networking,
            image_id=image.id,
            image_ref=request.config.image,
            driver=self._snapshotter.name,
            directory=directory,
            log_path=logdrivers.log_path(request.host_config.log_config, directory, id),
            mounts=points,
            platform=image.config.platform.os,
            labels=self._labelling.choose(host),
        )
        return record, wanted

    def _has_user_namespaces(self, host: HostConfig) -> bool:
        """Whether the runtime that is asked for has any."""
        program = self._programs.find(self._programs.chosen(host.runtime, host.isolation))
        return program is None or not program.is_sandbox

    def _lender(self, ref: str) -> Container:
        return self._roster.find(ref).record

    async def _make(self, record: Container, image: Image, others: Mapping[str, Image]) -> None:
        """Make snapshot, directory and record; nothing stays if one of them fails."""
        with contextlib.ExitStack() as undo:
            undo.callback(shutil.rmtree, record.directory, ignore_errors=True)
            undo.callback(self._snapshotter.remove, record.id)
            undo.callback(imagemounts.remove, record, self._snapshotter)
            try:
                self._snapshotter.prepare(record.id, image.layers)
                imagemounts.prepare(record, others, self._snapshotter)
                marks.put(self._snapshotter, record.id)
                os.makedirs(record.directory, mode=0o710)
                await copyup.fill(record, self._snapshotter, self._volumes)
            except OSError as error:
                raise Internal(f"cannot make the container's files: {error}") from error
            live = self._roster.add(record)
            undo.pop_all()
        self._roster.tell(live, "create")


def check_name(name: str) -> None:
    """A name that a container may have; "" is a generated one. Raises Invalid."""
    if name and NAME.fullmatch(name.removeprefix("/")) is None:
        raise Invalid(
            f"Invalid container name ({name}), only {NAME_PATTERN} are allowed",
            hint="a name has at least two characters",
        )
