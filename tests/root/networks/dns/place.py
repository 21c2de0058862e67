"""What the tests of the DNS server stand on."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.root.networks.namespaces import Namespace
from wherry.engine.networks.dns.hostfile import LiveResolvConf
from wherry.engine.networks.dns.names import Member, NameTable
from wherry.engine.networks.dns.service import Dns
from wherry.engine.networks.dns.settings import ResolverSettings
from wherry.engine.networks.dns.sockets import prepare_inside
from wherry.engine.networks.dns.stock import SocketStock

SERVER = "127.0.0.11"
SECONDS = 10.0


class Place:
    """A container's namespace, a host's namespace, and the service that serves the one."""

    def __init__(self, resolv_conf: Path) -> None:
        self.resolv_conf = resolv_conf
        self.resolv_conf.write_text("")
        self.container, self.host = Namespace(), Namespace()
        self.names = NameTable()
        self.names.add_network("net", "net1")
        self.add("me", "10.0.0.2", "fd00::2", container="c")
        listening = self.container.call(prepare_inside)
        self._in_host = self.host.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self._host_stock = SocketStock(self._in_host)
        self.dns = Dns(self.names, LiveResolvConf(str(resolv_conf)), self._host_stock)
        self.ports = self.dns.attach("c", listening, ResolverSettings())

    def add(self, name: str, *addresses: str, container: str = "", aliases: str = "") -> None:
        """A container on the network."""
        names = (name, *aliases.split())
        self.names.join(Member(f"ep-{name}", "net", container or name, name, names, addresses))

    async def dig(self, *words: str) -> str:
        """dig(1) in the container, tries once."""
        return await self.container.output("dig", f"@{SERVER}", "+tries=1", *words)

    def close(self) -> None:
        self.dns.close()
        self._host_stock.close()
        self._in_host.close()
        self.container.close()
        self.host.close()


class Dnsmasq:
    """A real DNS server in a namespace, which logs every question."""

    def __init__(
        self, where: Namespace, address: str, log: Path, options: Sequence[str] = ()
    ) -> None:
        self.log = log
        words = [
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--no-hosts",
            "--no-resolv", "--user=root", "--bind-interfaces", f"--listen-address={address}",
            "--log-queries", f"--log-facility={log}", "--except-interface=nothing", *options,
        ]  # fmt: skip
        self.process = subprocess.Popen(where.command(*words), stdin=subprocess.DEVNULL)
        limit = time.monotonic() + SECONDS
        while not (log.exists() and "started" in log.read_text()):
            assert self.process.poll() is None, log.read_text() if log.exists() else "no log"
            assert time.monotonic() < limit
            time.sleep(0.01)

    def questions(self, name: str) -> int:
        """How often this name was asked for."""
        return sum(f"] {name} from" in line for line in self.log.read_text().splitlines())
