"""Namespace modes as clients write them: `host`, `private`, `container:<name or id>`."""

from __future__ import annotations


def other_container(mode: str) -> str:
    """The container that a mode borrows its namespace from, "" for any other mode."""
    kind, _, ref = mode.partition(":")
    return ref if kind == "container" else ""


def is_private_network(mode: str) -> bool:
    """Whether a container with this network mode has a network namespace of its own."""
    return mode != "host" and not other_container(mode)
