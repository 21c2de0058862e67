"""Checks of a container's portable configuration; each raises Invalid in Docker's words.

Source of rules and words: Docker Engine API v1.51, and the behaviour of dockerd.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from wherry.engine.containers import signals
from wherry.engine.containers.config import ContainerConfig
from wherry.errors import Invalid

MAX_HOSTNAME = 64  # bytes; HOST_NAME_MAX of Linux
MIN_HEALTH_DURATION = 1_000_000  # nanoseconds
MAX_ENVIRONMENT_STRING = 128 * 1024  # bytes with the final NUL; MAX_ARG_STRLEN of execve(2)


def check(config: ContainerConfig) -> None:
    """Run every check. Raises Invalid."""
    for each in CHECKS:
        each(config)


def hostname(config: ContainerConfig) -> None:
    """The kernel takes at most 64 bytes."""
    if len(config.hostname.encode()) > MAX_HOSTNAME:
        raise Invalid(f'hostname "{config.hostname}" is too long (maximum {MAX_HOSTNAME} bytes)')


def working_directory(config: ContainerConfig) -> None:
    """A path inside the container."""
    directory = config.working_dir
    if directory and not directory.startswith("/"):
        raise Invalid(
            f"the working directory '{directory}' is invalid, it needs to be an absolute path"
        )


def stop_signal(config: ContainerConfig) -> None:
    """A signal that exists."""
    if config.stop_signal:
        signals.parse(config.stop_signal)


def environment(config: ContainerConfig) -> None:
    """Every entry has a name, and fits into what execve(2) takes."""
    for entry in config.env or ():
        if not entry.partition("=")[0]:
            raise Invalid(f"invalid environment variable: {entry[:100]}")
        _no_nul(entry, "environment variable")
        if len(entry.encode()) >= MAX_ENVIRONMENT_STRING:
            name = entry.partition("=")[0][:100]
            raise Invalid(
                f"environment variable {name} is too long: the kernel takes "
                f"{MAX_ENVIRONMENT_STRING - 1} bytes with its name",
                hint="put large values into a file and mount it",
            )


def words(config: ContainerConfig) -> None:
    """No word of the command holds a NUL byte, which no program could receive."""
    for word in (*(config.entrypoint or ()), *(config.cmd or ())):
        _no_nul(word, "argument")


def health(config: ContainerConfig) -> None:
    """Durations that a timer can keep."""
    health = config.healthcheck
    if health is None:
        return
    durations = (
        ("Interval", health.interval),
        ("Timeout", health.timeout),
        ("StartPeriod", health.start_period),
        ("StartInterval", health.start_interval),
    )
    for name, value in durations:
        if value and value < MIN_HEALTH_DURATION:
            raise Invalid(f"{name} in Healthcheck cannot be less than 1ms")
    if health.retries < 0:
        raise Invalid("Retries in Healthcheck cannot be negative")


def exposed_ports(config: ContainerConfig) -> None:
    """`number[-number][/tcp|udp|sctp]`."""
    for port in config.exposed_ports or ():
        check_port(port)


def check_port(text: str) -> None:
    """A container's port or range of ports with its protocol. Raises Invalid."""
    ports, _, protocol = text.partition("/")
    if protocol.lower() not in ("", "tcp", "udp", "sctp"):
        raise Invalid(f"Invalid proto: {protocol}", hint="use tcp, udp or sctp")
    first, dash, last = ports.partition("-")
    if not _is_port(first) or (dash and (not _is_port(last) or int(last) < int(first))):
        raise Invalid(f'invalid port specification: "{text}"', hint="ports are 1 to 65535")


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536


def _no_nul(text: str, what: str) -> None:
    if "\0" in text:
        raise Invalid(f"{what} contains a NUL byte: {text.split(chr(0), 1)[0][:100]}")


CHECKS: Final[tuple[Callable[[ContainerConfig], None], ...]] = (
    hostname,
    working_directory,
    stop_signal,
    environment,
    words,
    health,
    exposed_ports,
)
