"""Links of the default bridge (`--link NAME:ALIAS`): lines of /etc/hosts, and variables.

The linked container is found when the linking one starts, and must run then. On networks of the
user's own a link is one more name in the embedded DNS (`Endpoint.links`), and none of this applies.
Source of the variables' names: Docker's documentation, "Legacy container links".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.engine.containers.spec.hostsfile import HostsLine
from wherry.errors import Conflict, Invalid, NotFound

if TYPE_CHECKING:
    from wherry.engine.containers.config import HostConfig
    from wherry.engine.containers.record import Container

Find = Callable[[str], "Container"]

DEFAULT_MODES: Final = ("", "default", "bridge")
_NOT_TOLD: Final = ("HOME", "PATH")


@dataclass(frozen=True, slots=True)
class Link:
    """A linked container under the alias that it has here, with its address on the bridge."""

    alias: str
    target: Container
    address: str


def split(text: str) -> tuple[str, str]:
    """Name and alias of a link: the alias is the name where none is given. Raises Invalid."""
    name, colon, alias = text.partition(":")
    if not name or (colon and (not alias or ":" in alias)):
        raise Invalid(f"bad format for links: {text}", hint="write NAME or NAME:ALIAS")
    name = name.removeprefix("/")
    return name, (alias or name).rpartition("/")[2]


def check(host: HostConfig, find: Find) -> None:
    """That every linked container exists. Raises Invalid, as Docker does at creation."""
    for text in host.links or ():
        name, _ = split(text)
        try:
            target = find(name)
        except NotFound as error:
            raise Invalid(f"could not get container for {name}: {error.message}") from None
        if target.host_config.network_mode == "host":
            raise Invalid(
                "conflicting options: host type networking can't be used with links. "
                "This would result in undefined behavior"
            )


def resolve(record: Container, find: Find) -> Sequence[Link]:
    """The links of a container that starts. Raises Conflict for one that does not run."""
    if record.host_config.network_mode not in DEFAULT_MODES:
        return ()
    return [_resolved(record, find, *split(text)) for text in record.host_config.links or ()]


def _resolved(record: Container, find: Find, name: str, alias: str) -> Link:
    target = find(name)
    if not target.state.running:
        raise Conflict(
            f"Cannot link to a non running container: /{target.name} AS /{record.name}/{alias}",
            hint=f"start {target.name} first",
        )
    address = next(
        (a.endpoint.ipv4 for a in target.network.attachments if a.network == "bridge"), ""
    )
    if not address:
        raise Conflict(
            f"Cannot link to /{target.name}, as it does not belong to the default network",
            hint="put both on a network of your own; names work there without links",
        )
    return Link(alias, target, address)


def hosts_lines(links: Sequence[Link]) -> list[HostsLine]:
    """One line for each link: alias, host name and name of the container."""
    return [
        HostsLine(
            each.address,
            " ".join(dict.fromkeys((each.alias, each.target.config.hostname, each.target.name))),
        )
        for each in links
    ]


def variables(record: Container, links: Sequence[Link]) -> list[str]:
    """What tells the container's programs of the linked containers' ports and environment."""
    return [line for each in links for line in _variables(record, each)]


def _variables(record: Container, link: Link) -> list[str]:
    prefix = link.alias.upper().replace("-", "_")
    ports = sorted(_port(text) for text in link.target.config.exposed_ports or ())
    found = []
    if ports:
        number, proto = ports[0]
        found.append(f"{prefix}_PORT={proto}://{link.address}:{number}")
    for number, proto in ports:
        name = f"{prefix}_PORT_{number}_{proto.upper()}"
        found += [
            f"{name}={proto}://{link.address}:{number}",
            f"{name}_ADDR={link.address}",
            f"{name}_PORT={number}",
            f"{name}_PROTO={proto}",
        ]
    found.append(f"{prefix}_NAME=/{record.name}/{link.alias}")
    entries = (entry.partition("=") for entry in link.target.config.env or ())
    found += [f"{prefix}_ENV_{name}={value}" for name, _, value in entries if name not in _NOT_TOLD]
    return found


def _port(text: str) -> tuple[int, str]:
    number, _, proto = text.partition("/")
    return int(number), proto or "tcp"
