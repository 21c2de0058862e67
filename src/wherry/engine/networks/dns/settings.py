"""What a container's DNS server is told beside names: where and whether to ask on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ResolverSettings:
    """How names that are not ours are asked for on behalf of one container.

    `servers` are those of `--dns`, asked from the container's own namespace; without them the
    host's live resolv.conf counts. `forward` is False while the container has no way out (only
    internal networks). `ndots` tells that user or host chose an `ndots` option: then names
    without a dot are not asked for elsewhere, so that the client goes on with its search domains.
    `ipv6`: the container can reach IPv6 servers itself. `confined`: an egress policy keeps the
    container from asking others, so the daemon asks from the host's namespace.
    """

    servers: tuple[str, ...] = ()
    forward: bool = True
    ndots: bool = False
    ipv6: bool = False
    confined: bool = False


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the server listens on 127.0.0.11; kept with the container, so that a daemon that comes
    back finds the same ports behind the redirection that is still in the namespace."""

    udp: int
    tcp: int
