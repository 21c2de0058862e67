"""The files of /etc that belong to a container and not to its image: hostname, hosts, resolv.conf.

They are written anew at each start, with Docker's content, into the container's directory.
"""

from __future__ import annotations

import os
from typing import Final

from wherry.engine.containers.config import HostConfig
from wherry.engine.containers.record import Container

HOSTS: Final = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::\tip6-localnet\n"
    "ff00::\tip6-mcastprefix\n"
    "ff02::1\tip6-allnodes\n"
    "ff02::2\tip6-allrouters\n"
)
HOST_GATEWAY: Final = "127.0.0.1"
"""What `host-gateway` stands for while there is no bridge: the host, seen from its own network."""


def write(container: Container, hostname: str) -> None:
    """Write the three files. Raises OSError."""
    host = container.host_config
    _write(container.hostname_path, hostname + "\n")
    _write(container.hosts_path, hosts(host, _read("/etc/hosts")))
    _write(container.resolv_conf_path, resolv_conf(host, _read("/etc/resolv.conf")))


def hosts(host: HostConfig, of_host: str) -> str:
    """/etc/hosts: the host's own with the host's network, Docker's otherwise; then the extras."""
    text = of_host if host.network_mode == "host" and of_host else HOSTS
    if text and not text.endswith("\n"):
        text += "\n"
    for entry in host.extra_hosts or ():
        name, _, address = entry.partition("=" if "=" in entry else ":")
        address = HOST_GATEWAY if address == "host-gateway" else address.strip("[]")
        text += f"{address}\t{name}\n"
    return text


def resolv_conf(host: HostConfig, of_host: str) -> str:
    """/etc/resolv.conf: the host's, with whatever the user set in place of the host's lines."""
    chosen = {
        "nameserver": list(host.dns or ()),
        "search": [" ".join(host.dns_search)] if host.dns_search else [],
        "options": [" ".join(host.dns_options)] if host.dns_options else [],
    }
    if not any(chosen.values()):
        return of_host
    kept = [line for line in of_host.splitlines() if not _replaced(line, chosen)]
    added = [f"{word} {value}" for word, values in chosen.items() for value in values]
    # "--dns-search ." means: no search at all
    return "".join(f"{line}\n" for line in (*kept, *added) if line != "search .")


def _replaced(line: str, chosen: dict[str, list[str]]) -> bool:
    word = line.split()[:1]
    if not word:
        return False
    name = "search" if word[0] == "domain" else word[0]
    return bool(chosen.get(name))


def _write(path: str, text: str) -> None:
    """Write in place: a running container may have the file bound, so it keeps its inode."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, text.encode(errors="surrogateescape"))
    finally:
        os.close(fd)


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""
