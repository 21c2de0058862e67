"""Checks of what is asked of another OCI runtime: that it is there, and that it can do the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from wherry.engine.containers.config import HostConfig
from wherry.engine.containers.foreign.programs import Programs
from wherry.engine.containers.spec import securityopt
from wherry.errors import Invalid

if TYPE_CHECKING:
    from wherry.engine.containers.foreign.programs import OciProgram


def check(host: HostConfig, programs: Programs) -> None:
    """Raises Invalid for a runtime that there is not, or that cannot do what else is asked."""
    program = programs.find(programs.chosen(host.runtime, host.isolation))
    if program is not None and securityopt.of(host).landlock is not None:
        raise Invalid(
            f"the runtime {program.name} cannot do --security-opt landlock: OCI has no such rules",
            hint="leave that out, or run the container without --runtime and --isolation",
        )
    if program is None or not program.is_sandbox:
        return
    for words, asked in _OUT_OF_A_SANDBOX:
        if asked(host):
            raise _cannot(program, words)


def check_lender(kind: str, lender: str, program: OciProgram | None) -> None:
    """Raises Invalid when a container's namespace is the inside of a sandbox."""
    if program is not None and program.is_sandbox and kind != "network":
        raise Invalid(
            f"cannot join the {kind} namespace of container {lender}: it is inside of the sandbox "
            f"of {program.name}",
            hint="run both containers under the built-in runtime",
        )


def _cannot(program: OciProgram, words: str) -> Invalid:
    return Invalid(
        f"the runtime {program.name} cannot do {words}: its containers have a kernel of their own",
        hint="leave that out, or run the container without --runtime and --isolation",
    )


def _of_others(mode: str) -> bool:
    return mode == "host" or mode.startswith("container:")


def _shares_mounts(host: HostConfig) -> bool:
    modes = [bind.rpartition(":")[2].split(",") for bind in host.binds or ()]
    options = [mount.bind_options for mount in host.mounts or () if mount.bind_options]
    wanted = {word for words in modes for word in words} | {each.propagation for each in options}
    return bool(wanted & {"shared", "rshared", "slave", "rslave"})


_OUT_OF_A_SANDBOX: Final[tuple[tuple[str, Callable[[HostConfig], bool]], ...]] = (
    ("--pid=host and --pid=container:...", lambda host: _of_others(host.pid_mode)),
    ("--ipc=host and --ipc=container:...", lambda host: _of_others(host.ipc_mode)),
    ("user namespaces (--userns)", lambda host: host.userns_mode not in ("", "host")),
    ("shared and slave mounts", _shares_mounts),
    ("--device", lambda host: bool(host.devices or host.device_requests)),
)
