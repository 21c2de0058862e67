"""Profiles: the sets of defaults. `docker` has Docker's own, `wherry` safer and handier ones.

A profile changes only what a request or a setting leaves unsaid (docs/profiles.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Profile:
    """Defaults, each for what nobody said anything about.

    `userns`: user namespace of a container: "host" is none of its own, "auto" a range of ids that
    no other has. `missing_bind_source`: "create" or "error". `bind_ownership`: ownership mapping of
    bind mounts, "" or "idmap". `publish_address`: host address of published ports, "" is all.
    `publish_obeys_input`: published ports pass the host's own input rules.
    """

    name: str
    userns: str
    missing_bind_source: str
    bind_ownership: str
    publish_address: str
    publish_obeys_input: bool


DOCKER: Final = Profile(
    name="docker",
    userns="host",
    missing_bind_source="create",
    bind_ownership="",
    publish_address="",
    publish_obeys_input=False,
)
WHERRY: Final = Profile(
    name="wherry",
    userns="auto",
    missing_bind_source="error",
    bind_ownership="idmap",
    publish_address="127.0.0.1",
    publish_obeys_input=True,
)
PROFILES: Final[Mapping[str, Profile]] = {each.name: each for each in (DOCKER, WHERRY)}
