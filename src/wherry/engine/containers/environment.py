"""The environment of a container's processes: the engine's part first, the user's over it."""

from __future__ import annotations

from collections.abc import Iterable

from wherry.engine.containers.record import Container
from wherry.spec.runtime import DEFAULT_PATH


def of_container(
    container: Container, hostname: str, *, tty: bool, linked: Iterable[str] = ()
) -> list[str]:
    """What the first process gets, in Docker's order; `linked` tells of linked containers."""
    base = [DEFAULT_PATH, f"HOSTNAME={hostname}"]
    if tty:
        base.append("TERM=xterm")
    base += linked
    return overlay(base, container.config.env or ())


def overlay(base: Iterable[str], entries: Iterable[str]) -> list[str]:
    """`base` with entries of the same name replaced in place, new ones behind it.

    An entry without "=" takes the name out.
    """
    merged = {entry.partition("=")[0]: entry for entry in base}
    for entry in entries:
        name, assigned, _ = entry.partition("=")
        if assigned:
            merged[name] = entry
        else:
            merged.pop(name, None)
    return list(merged.values())
