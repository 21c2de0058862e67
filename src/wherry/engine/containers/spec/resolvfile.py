"""The text of a container's /etc/resolv.conf, by what kind of network it is on.

host's network       the host's file
user's networks      the embedded DNS, the host's search domains and options, `ndots:0`
all others           the host's file without servers on the host's loopback, which nobody inside
                     can reach; where none is left, public ones

`--dns`, `--dns-search` and `--dns-option` (or the daemon's defaults) stand in place of the host's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from wherry.engine.containers.config import HostConfig
from wherry.engine.networks.dns.hostfile import (
    PATH,
    SYSTEMD_PATH,
    SYSTEMD_STUB,
    ResolvConf,
    is_loopback,
    parse,
    read,
)

EMBEDDED: Final = "127.0.0.11"
NDOTS: Final = "ndots:0"
PUBLIC: Final = ("8.8.8.8", "8.8.4.4")
PUBLIC_V6: Final = ("2001:4860:4860::8888", "2001:4860:4860::8844")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What stands in place of the host's lines; empty for what the host's file shall say."""

    dns: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @classmethod
    def of(cls, host: HostConfig, defaults: Wishes) -> Wishes:
        """The container's, or else the daemon's."""
        return cls(
            tuple(host.dns or ()) or defaults.dns,
            tuple(host.dns_search or ()) or defaults.search,
            tuple(host.dns_options or ()) or defaults.options,
        )


def host_text() -> str:
    """The host's file for those who cannot reach its loopback: past systemd-resolved's stub."""
    text = read(PATH)
    if parse(text).servers == (SYSTEMD_STUB,):
        return read(SYSTEMD_PATH) or text
    return text


def for_host_network(of_host: str, wishes: Wishes) -> str:
    """With the host's network: the host's file, word for word unless something is wished for."""
    return _changed(of_host, wishes, wishes.dns)


def for_bridge(of_host: str, wishes: Wishes, *, ipv6: bool) -> str:
    """Without the embedded DNS."""
    if wishes.dns:
        return _changed(of_host, wishes, wishes.dns)
    found = parse(of_host).servers
    kept = tuple(each for each in found if not is_loopback(each) and (ipv6 or ":" not in each))
    if found and kept == found:
        return _changed(of_host, wishes, ())
    return _changed(of_host, wishes, kept or (PUBLIC + PUBLIC_V6 if ipv6 else PUBLIC))


def for_user_network(of_host: str, wishes: Wishes) -> str:
    """With the embedded DNS, which asks the others."""
    conf = _wished(parse(of_host), wishes)
    if not has_ndots(conf):
        kept = tuple(word for word in conf.options if not word.startswith("ndots:"))
        conf = replace(conf, options=(*kept, NDOTS))
    return render(replace(conf, servers=(EMBEDDED,)))


def has_ndots(conf: ResolvConf) -> bool:
    """Whether somebody chose an `ndots` that can be used."""
    return conf.ndots is not None and conf.ndots.isascii() and conf.ndots.isdigit()


def wishes_ndots(of_host: str, wishes: Wishes) -> bool:
    """Whether the container's file has an `ndots` that is not ours."""
    return has_ndots(_wished(parse(of_host), wishes))


def render(conf: ResolvConf) -> str:
    """The text of a resolv.conf."""
    lines = [f"nameserver {address}" for address in conf.servers]
    if conf.search:
        lines.append("search " + " ".join(conf.search))
    if conf.options:
        lines.append("options " + " ".join(conf.options))
    return "".join(f"{line}\n" for line in (*lines, *conf.other))


def _changed(of_host: str, wishes: Wishes, servers: tuple[str, ...]) -> str:
    if not (servers or wishes.search or wishes.options):
        return of_host
    conf = _wished(parse(of_host), wishes)
    return render(replace(conf, servers=servers or conf.servers))


def _wished(conf: ResolvConf, wishes: Wishes) -> ResolvConf:
    # "--dns-search ." means: no search at all
    search = tuple(word for word in wishes.search if word != ".")
    return replace(
        conf,
        search=search if wishes.search else conf.search,
        options=wishes.options or conf.options,
    )
