"""A container's OCI spec and everything else that its start needs, put together in named steps.

Nothing here starts anything or keeps state; the only files read are those that a device or a bind
source names. Docker's semantics in, a `Bundle` for the runtime out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from wherry.engine.containers import environment
from wherry.engine.containers.config import HostConfig
from wherry.engine.containers.idrows import IdRows, oci
from wherry.engine.containers.modes import is_private_network
from wherry.engine.containers.ownership import Mapping as Ownership
from wherry.engine.containers.record import Container
from wherry.engine.containers.runtime import Bundle, ExecProcess, LogTarget, WindowSize
from wherry.engine.containers.spec import (
    capabilities,
    devices,
    landlock,
    limits,
    seccomp,
    securityopt,
)
from wherry.engine.containers.spec.mounts import mounts
from wherry.engine.containers.spec.namespaces import namespaces
from wherry.engine.host import Host
from wherry.engine.values.execs import ExecConfig
from wherry.errors import Unavailable
from wherry.kernel import landlock as kernel_landlock
from wherry.spec import runtime

if TYPE_CHECKING:
    from wherry.engine.containers.cdi.service import DeviceInterface
    from wherry.engine.containers.foreign.programs import OciProgram, Programs
    from wherry.kernel.mount import Mount

INIT_TARGET: Final = "/sbin/docker-init"

Spec = dict[str, Any]
Filter = TypeVar("Filter")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a start depends on beside the container itself.

    `namespaces` leads to those that are there already, by kind; `hostname` is what the container
    shall see, "" to leave the name as it is; `variables` tell of linked containers, `owners` are
    the id maps of mounts by target, `images` what images are mounted from.
    """

    rootfs: Sequence[Mount]
    namespaces: Mapping[str, str]
    hostname: str
    log: LogTarget | None
    follow: bool
    variables: Sequence[str] = ()
    owners: Mapping[str, Ownership] = field(default_factory=dict)
    images: Mapping[str, Mount] = field(default_factory=dict)


class Composer:
    """Makes bundles on one host; `cgroup_parent` is where containers go that name no other."""

    def __init__(
        self, host: Host, cgroup_parent: str, programs: Programs, cdi: DeviceInterface
    ) -> None:
        self._cdi = cdi
        self._host = host
        self._cgroup_parent = cgroup_parent
        self._runtimes = programs
        self._programs = seccomp.SeccompPrograms(host.machine, host.kernel)

    def bundle(self, container: Container, around: Surroundings) -> Bundle:
        """Everything to start the container's first process. Raises Invalid, Unavailable."""
        config, host = container.config, container.host_config
        program = self.program_of(container)
        spec = self._spec(container, around)
        groups = self._cdi.inject(spec, host.device_requests, hooks=program is not None)
        if program is not None:
            spec["linux"]["seccomp"] = self._seccomp(container, self._programs.resolved)
        return Bundle(
            spec=spec,
            rootfs=around.rootfs,
            program=program,
            seccomp=None if program else self._seccomp(container, self._programs.program),
            landlock=_landlock(container),
            user=config.user or "0",
            groups=(*(host.group_add or ()), *groups),
            terminal=config.tty,
            open_stdin=config.open_stdin,
            window=_window(host.console_size),
            log=around.log,
            follow=around.follow,
        )

    def program_of(self, container: Container) -> OciProgram | None:
        """The container's runtime, None for our own. Raises Invalid when it is not there."""
        return self._runtimes.find(container.host_config.runtime)

    def cgroup_path(self, container: Container) -> str:
        """The container's cgroup, from the root of every hierarchy."""
        parent = container.host_config.cgroup_parent or self._cgroup_parent
        return f"/{parent.strip('/')}/{container.id}"

    def exec_process(
        self, container: Container, config: ExecConfig, window: tuple[int, int] | None
    ) -> ExecProcess:
        """A further process of the container, as the exec's configuration has it."""
        privileged = config.privileged or container.host_config.privileged
        hostname = container.config.hostname
        base = environment.of_container(container, hostname, tty=config.tty)
        process = self._process(container, config.cmd or (), privileged=privileged)
        process["cwd"] = config.working_dir or container.config.working_dir or "/"
        process["env"] = environment.overlay(base, config.env or ())
        process["terminal"] = config.tty
        return ExecProcess(
            process=process,
            seccomp=self._seccomp(container, self._programs.program, privileged=config.privileged),
            landlock=_landlock(container),
            user=config.user or container.config.user or "0",
            groups=container.host_config.group_add or (),
            terminal=config.tty,
            open_stdin=config.attach_stdin,
            window=_window(window),
            follow=config.attach_stdout or config.attach_stderr,
        )

    def _spec(self, container: Container, around: Surroundings) -> Spec:
        host = container.host_config
        argv, init_mount = self._command(container)
        process = self._process(container, argv, privileged=host.privileged)
        process["env"] = environment.of_container(
            container,
            around.hostname or container.config.hostname,
            tty=container.config.tty,
            linked=around.variables,
        )
        return {
            "ociVersion": runtime.OCI_VERSION,
            "root": {"path": "rootfs", "readonly": host.readonly_rootfs},
            "process": process,
            "hostname": around.hostname if host.uts_mode != "host" else "",
            "domainname": container.config.domainname if host.uts_mode != "host" else "",
            "mounts": [*mounts(container, around.owners, around.images), *init_mount],
            "annotations": dict(host.annotations or {}),
            "linux": self._linux(container, around),
        }

    def _process(self, container: Container, argv: Sequence[str], *, privileged: bool) -> Spec:
        host = container.host_config
        given = self._capabilities(host, privileged=privileged)
        options = securityopt.of(host)
        return {
            "args": list(argv),
            "cwd": container.config.working_dir or "/",
            "terminal": container.config.tty,
            "capabilities": runtime.capabilities(given),
            "rlimits": limits.rlimits(host, self._host.nofile),
            "noNewPrivileges": options.no_new_privileges,
            "apparmorProfile": container.labels.apparmor,
            "selinuxLabel": container.labels.process,
            "oomScoreAdj": host.oom_score_adj,
        }

    def _linux(self, container: Container, around: Surroundings) -> Spec:
        host = container.host_config
        nodes, rules = devices.nodes_and_rules(host)
        return {
            "namespaces": namespaces(host, around.namespaces, mapped=bool(container.user_map)),
            "cgroupsPath": self.cgroup_path(container),
            "resources": {**limits.resources(host), "devices": rules},
            "devices": nodes,
            "sysctl": sysctls(host, container.user_map),
            **_maps(container),
            "mountLabel": container.labels.mount,
            "maskedPaths": list(host.masked_paths or ()),
            "readonlyPaths": list(host.readonly_paths or ()),
            **_root_propagation(container),
        }

    def _command(self, container: Container) -> tuple[list[str], list[Spec]]:
        """The command, behind an init where one is asked for, and the mount that brings it."""
        argv = [container.path, *container.args]
        host = container.host_config
        if not host.init or host.pid_mode:
            return argv, []
        if not self._host.init_path:
            raise Unavailable(
                "--init needs an init program, and none is installed on the host",
                hint="install one of docker-init, tini, catatonit or dumb-init",
            )
        mount = {"type": "bind", "source": self._host.init_path, "destination": INIT_TARGET,
                 "options": ["bind", "ro"]}  # fmt: skip
        return [INIT_TARGET, "--", *argv], [mount]

    def _capabilities(self, host: HostConfig, *, privileged: bool) -> tuple[str, ...]:
        return capabilities.effective(
            host.cap_add or (),
            host.cap_drop or (),
            privileged=privileged,
            known=self._host.capabilities,
        )

    def _seccomp(
        self,
        container: Container,
        made: Callable[[str, Sequence[str]], Filter | None],
        *,
        privileged: bool = False,
    ) -> Filter | None:
        """No filter for a privileged process unless a profile was asked for, as in Docker."""
        host = container.host_config
        privileged = privileged or host.privileged
        profile = securityopt.of(host).seccomp
        if privileged and profile == "":
            return None
        return made(profile, self._capabilities(host, privileged=privileged))


def sysctls(host: HostConfig, user_map: IdRows = ()) -> dict[str, str]:
    """Docker's two that make ping and low ports work without privileges, then the user's."""
    wanted = {}
    if is_private_network(host.network_mode):
        # Both ends must be mapped (net/ipv4/sysctl_net_ipv4.c).
        last = next((count - 1 for inside, _, count in user_map if not inside), 2**31 - 1)
        wanted["net.ipv4.ping_group_range"] = f"0 {last}"
        wanted["net.ipv4.ip_unprivileged_port_start"] = "0"
    return wanted | dict(host.sysctls or {})


def _maps(container: Container) -> Spec:
    """The maps of the user namespace; other runtimes want to know those of a joined one, too."""
    if not container.user_map:
        return {}
    rows = oci(container.user_map)
    return {"uidMappings": rows, "gidMappings": rows}


def _landlock(container: Container) -> landlock.Ruleset | None:
    """The rules of the container, for its execs too. Raises Unsupported."""
    wanted = securityopt.of(container.host_config).landlock
    if wanted is None:
        return None
    programs = (INIT_TARGET,) if container.host_config.init else ()
    return landlock.ruleset(wanted, kernel_landlock.abi(), programs)


def _root_propagation(container: Container) -> Spec:
    """A shared or slave bind only works below a root that lets mounts through."""
    used = {point.propagation for point in container.mounts}
    if used & {"shared", "rshared"}:
        return {"rootfsPropagation": "shared"}
    if used & {"slave", "rslave"}:
        return {"rootfsPropagation": "rslave"}
    return {"rootfsPropagation": "rprivate"}


def _window(size: tuple[int, int] | None) -> WindowSize | None:
    return WindowSize(*size) if size and any(size) else None
