"""The text of a container's /etc/hosts, and single lines put in and taken out while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from wherry.engine.containers.config import HostConfig
from wherry.errors import Invalid

HOSTS: Final = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::\tip6-localnet\n"
    "ff00::\tip6-mcastprefix\n"
    "ff02::1\tip6-allnodes\n"
    "ff02::2\tip6-allrouters\n"
)
HOST_GATEWAY: Final = "host-gateway"


@dataclass(frozen=True, slots=True)
class HostsLine:
    """One address and the names it has, separated by blanks."""

    address: str
    names: str

    def __str__(self) -> str:
        """The line as it stands in the file."""
        return f"{self.address}\t{self.names}\n"


def hosts(host: HostConfig, of_host: str, lines: Iterable[HostsLine]) -> str:
    """The whole file: the host's own with the host's network and nothing to add, as Docker."""
    text = "".join(map(str, lines))
    if host.network_mode == "host" and of_host and not text:
        return of_host
    return HOSTS + text


def extra_lines(host: HostConfig, gateways: Sequence[str]) -> list[HostsLine]:
    """The lines of `--add-host`; `host-gateway` stands for each of `gateways`.

    Raises Invalid where there is no gateway to stand for.
    """
    found = []
    for entry in host.extra_hosts or ():
        name, _, address = entry.partition("=" if "=" in entry else ":")
        if address != HOST_GATEWAY:
            found.append(HostsLine(address.strip("[]"), name))
        elif gateways:
            found += [HostsLine(each, name) for each in gateways]
        else:
            raise Invalid(
                f"unable to derive the IP value for {HOST_GATEWAY}",
                hint="set host-gateway-ips in the daemon's configuration",
            )
    return found


def own_lines(hostname: str, domainname: str, addresses: Iterable[str]) -> list[HostsLine]:
    """The container's own names at each of its addresses: the full name and its first part."""
    name = f"{hostname}.{domainname}" if domainname else hostname
    first, dot, _ = name.partition(".")
    return [HostsLine(address, f"{name} {first}" if dot else name) for address in addresses]


def with_lines(text: str, lines: Iterable[HostsLine]) -> str:
    """The file with lines at its end; everything that a user wrote stays."""
    if text and not text.endswith("\n"):
        text += "\n"
    return text + "".join(map(str, lines))


def without_lines(text: str, lines: Iterable[HostsLine]) -> str:
    """The file without these lines, wherever a user has moved them."""
    gone = {str(line) for line in lines}
    return "".join(line for line in text.splitlines(keepends=True) if line not in gone)
