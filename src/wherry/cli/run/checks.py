"""Checks of single flag values, in docker's words; each gives the value in its usual form."""

from __future__ import annotations

import os

from wherry.cli.addresses import is_address
from wherry.cli.flagvalues import size, unsigned, unsigned16

_SYSCTLS = frozenset(
    (
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    )
)
_SYSCTL_FAMILIES = ("net.", "fs.mqueue.")


def variable(text: str) -> str:
    """`NAME=value`, or `NAME` for the value that it has here."""
    name, equals, _ = text.partition("=")
    if not name:
        raise ValueError(f"invalid environment variable: {text}")
    if not equals and name in os.environ:
        return f"{name}={os.environ[name]}"
    return text


def label(text: str) -> str:
    """`name[=value]`."""
    if not text.partition("=")[0]:
        raise ValueError(f"invalid label '{text}': empty name")
    return text


def stream(text: str) -> str:
    """stdin, stdout or stderr."""
    if text.lower() not in ("stdin", "stdout", "stderr"):
        raise ValueError("valid streams are STDIN, STDOUT and STDERR")
    return text.lower()


def address(text: str) -> str:
    """An IPv4 or IPv6 address."""
    if not is_address(text.strip()):
        raise ValueError(f"IP address is not correctly formatted: {text}")
    return text.strip()


def domain(text: str) -> str:
    """A DNS search domain; `.` alone means none."""
    stripped = text.strip(" ")
    if stripped == ".":
        return stripped
    parts = stripped.removesuffix(".").split(".")
    if (
        any(not part or not part.replace("-", "").replace("_", "").isalnum() for part in parts)
        or len(stripped) > 255
    ):
        raise ValueError(f"{text} is not a valid domain")
    return stripped


def extra_host(text: str) -> str:
    """`host:ip` or `host=ip`; `host-gateway` stands for the host's address."""
    separator = "=" if "=" in text else ":"
    name, _, where = text.partition(separator)
    if not name or not where:
        raise ValueError(f'bad format for add-host: "{text}"')
    if where.startswith("[") and where.endswith("]"):
        where = where[1:-1]
    if where != "host-gateway" and not is_address(where):
        raise ValueError(f'invalid IP address in add-host: "{where}"')
    return f"{name}:{where}"


def link(text: str) -> str:
    """`container[:alias]`."""
    if not text:
        raise ValueError("empty string specified for links")
    if text.count(":") > 1:
        raise ValueError(f"bad format for links: {text}")
    return text


def sysctl(text: str) -> str:
    """A kernel parameter that belongs to one of the container's namespaces."""
    name = text.partition("=")[0]
    if "=" not in text or not (name in _SYSCTLS or name.startswith(_SYSCTL_FAMILIES)):
        raise ValueError(f"sysctl '{text}' is not allowed")
    return text


def device_rule(text: str) -> str:
    """`[acb] major:minor [rwm]`."""
    words = text.split(" ")
    numbers = words[1].split(":") if len(words) == 3 else []
    good = (
        len(numbers) == 2
        and words[0] in ("a", "b", "c")
        and all(part == "*" or part.isdigit() for part in numbers)
        and 0 < len(words[2]) <= 3
        and not words[2].strip("rwm")
    )
    if not good:
        raise ValueError(f"invalid device cgroup format '{text}'")
    return text


def device_weight(text: str) -> str:
    """`device:weight`, weight 10 to 1000 or 0."""
    _, weight = _device(text)
    try:
        number = unsigned16(weight)
    except ValueError:
        number = 1
    if 0 < number < 10 or number > 1000:
        raise ValueError(f"invalid weight for device: {text}")
    return text


def device_bytes(text: str) -> str:
    """`device:bytes per second`, with a unit."""
    _, rate = _device(text)
    try:
        size(rate)
    except ValueError:
        raise ValueError(
            f"invalid rate for device: {text}. The correct format is"
            " <device-path>:<number>[<unit>]. Number must be a positive integer."
            " Unit is optional and can be kb, mb, or gb"
        ) from None
    return text


def device_operations(text: str) -> str:
    """`device:operations per second`."""
    _, rate = _device(text)
    try:
        unsigned(rate)
    except ValueError:
        raise ValueError(
            f"invalid rate for device: {text}. The correct format is"
            " <device-path>:<number>. Number must be a positive integer"
        ) from None
    return text


def _device(text: str) -> tuple[str, str]:
    device, colon, value = text.partition(":")
    if not colon or not device:
        raise ValueError(f"bad format: {text}")
    if not device.startswith("/dev/"):
        raise ValueError(f"bad format for device path: {text}")
    return device, value
