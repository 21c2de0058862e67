"""A laboratory of network namespaces: a host with an uplink, other hosts behind it, containers.

Everything lives in namespaces that are held by descriptors only, so that nothing of the machine's
own network is touched and nothing can be left behind. What a test does "on the host" runs in a
thread inside the host's namespace, the program `nft` included.

    outside (198.51.100.2, 2001:db8:1::2) ── uplink (198.51.100.1, 2001:db8:1::1) host ── bridges
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from wherry.engine.networks.drivers import Drivers
from wherry.engine.networks.sandbox import Sandbox
from wherry.engine.networks.values import Endpoint, Network, Published, Subnet
from wherry.kernel.netlink import address, link, route

T = TypeVar("T")

HOST4, HOST6 = "198.51.100.1", "2001:db8:1::1"
OUTSIDE4, OUTSIDE6 = "198.51.100.2", "2001:db8:1::2"
SECONDS = 5.0
SOON = 0.6
"""How long a connection is tried that must not come about."""

_numbers = itertools.count(2)


class Lab:
    """The host, the outside, and the drivers under test."""

    def __init__(
        self, stack: contextlib.ExitStack, mtu: int = 1500, *, obeys_input: bool = False
    ) -> None:
        self.stack = stack
        self.host = stack.enter_context(Sandbox.make())
        self.outside = stack.enter_context(Sandbox.make())
        self._uplink(mtu)
        self.suffix = secrets.token_hex(4)
        self.drivers = self.on_host(lambda: Drivers.open(self.suffix, obeys_input=obeys_input))
        stack.callback(lambda: self.on_host(lambda: self.drivers.close(remove=False)))

    def _uplink(self, mtu: int) -> None:
        peer = link.Peer("up", namespace=self.outside.namespace)
        self.host.routes.execute(link.new_veth("uplink", peer, mtu=mtu))
        for place, name, v4, v6 in (
            (self.host, "uplink", HOST4, HOST6),
            (self.outside, "up", OUTSIDE4, OUTSIDE6),
        ):
            place.enable_ipv6(name)
            index = link.by_name(place.routes, name).index
            place.routes.execute(
                link.change(index, up=True),
                address.add(index, v4, 24),
                address.add(index, v6, 64),
            )
        self.host.routes.execute(
            route.add("0.0.0.0/0", gateway=OUTSIDE4), route.add("::/0", gateway=OUTSIDE6)
        )

    def on_host(self, work: Callable[[], T]) -> T:
        """Run something inside the host's namespace."""
        return self.host.run(work)

    def command(self, *arguments: str, where: Sandbox | None = None, text: str = "") -> str:
        """The output of a program inside a namespace, by default the host's."""
        place = where or self.host
        done = place.run(
            lambda: subprocess.run(
                arguments, input=text, capture_output=True, text=True, check=False
            )
        )
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    def network(self, **more: object) -> Network:
        """A bridge network that is there; 10.N.0.0/24 and fd00:N::/64."""
        number = next(_numbers)
        identity = secrets.token_hex(32)
        values: dict[str, object] = {
            "id": identity,
            "name": f"net{number}",
            "driver": "bridge",
            "created": 0,
            "enable_ipv6": True,
            "bridge": f"br-{identity[:12]}",
            "subnets": (
                Subnet(f"10.{number % 250}.0.0/24", f"10.{number % 250}.0.1"),
                Subnet(f"fd00:{number}::/64", f"fd00:{number}::1"),
            ),
        } | more
        network = Network(**values)  # type: ignore[arg-type]
        self.on_host(lambda: self.drivers.by_name[network.driver].create(network))
        return network

    def container(self, network: Network, number: int = 2, **more: object) -> Container:
        """A sandbox with an endpoint in the network."""
        sandbox = self.stack.enter_context(Sandbox.make())
        container = Container(self, sandbox)
        container.join(network, number, **more)
        return container

    def publish(
        self, container: Container, port: int, inside: int, proto: str = "tcp", ip: str = ""
    ) -> list[Published]:
        """Publish a container's port on an address, or on all of both families."""
        rows = self.rows(container, port, inside, proto, ip)
        container.published += rows
        firewall = self.drivers.firewall
        if firewall.translates_inside:
            firewall.translate_inside(container.sandbox, container.published)
        self.on_host(lambda: firewall.publish(rows))
        return rows

    def rows(
        self, container: Container, port: int, inside: int, proto: str = "tcp", ip: str = ""
    ) -> list[Published]:
        """What `publish` publishes."""
        endpoint = container.endpoint
        rows = []
        for host_ip, address_inside in (("0.0.0.0", endpoint.ipv4), ("::", endpoint.ipv6)):
            if ip and (":" in ip) != (":" in host_ip):
                continue
            rows.append(
                Published(
                    proto,
                    ip or host_ip,
                    port,
                    address_inside,
                    inside,
                    endpoint.network_id,
                    endpoint.id,
                    endpoint.container_id,
                )
            )
        return rows

    def set_br_netfilter(self, value: str) -> bool:
        """Switch it for the host's namespace; whether the kernel has it."""
        if not os.path.exists("/proc/sys/net/bridge"):
            return False
        for name in ("iptables", "ip6tables"):
            self.command("sysctl", "-qw", f"net.bridge.bridge-nf-call-{name}={value}")
        return True


class Container:
    """A sandbox that plays a container."""

    def __init__(self, lab: Lab, sandbox: Sandbox) -> None:
        self.lab, self.sandbox = lab, sandbox
        self.id = secrets.token_hex(32)
        self.endpoint = Endpoint("", "", "")
        self.published: list[Published] = []

    def join(self, network: Network, number: int = 2, **more: object) -> None:
        """Connect to a network; the last one joined is `endpoint`."""
        values: dict[str, object] = {
            "id": secrets.token_hex(32),
            "network_id": network.id,
            "container_id": self.id,
            "mac": f"02:42:00:00:{next(_numbers) % 256:02x}:{number:02x}",
            "interface": "eth0",
        }
        for row in network.subnets:
            key = "ipv6" if row.is_v6 else "ipv4"
            values[key] = row.cidr.partition("/")[0].rsplit(":" if row.is_v6 else ".", 1)[0] + (
                f":{number}" if row.is_v6 else f".{number}"
            )
            values[f"{key}_prefix"] = row.prefix_length
            if not network.internal:
                values[f"gateway{key[-1]}"] = row.gateway
                values[f"default_v{key[-1]}"] = True
        endpoint = Endpoint(**(values | more))  # type: ignore[arg-type]
        driver = self.lab.drivers.by_name[network.driver]
        joined = self.lab.on_host(lambda: driver.join(self.sandbox, network, endpoint))
        self.endpoint = Endpoint(
            **(values | more | {"host_link": joined.host_link, "mac": joined.mac})  # type: ignore[arg-type]
        )

    def serve(self, port: int, proto: str = "tcp") -> None:
        """Answer everything at a port with the address of who asked."""
        serve(self.lab, self.sandbox, port, proto)


def serve(lab: Lab, place: Sandbox, port: int, proto: str = "tcp", address: str = "::") -> None:
    """Listen inside a namespace; each client is told its own address."""
    kind = socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def listen() -> socket.socket:
        server = socket.socket(family, kind)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind((address, port))
        if proto == "tcp":
            server.listen(64)
        return server

    server = place.run(listen)
    thread = threading.Thread(target=_answer, args=(server, proto), daemon=True)
    thread.start()

    def stop() -> None:
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(SECONDS)

    lab.stack.callback(stop)


def _answer(server: socket.socket, proto: str) -> None:
    server.settimeout(0.2)
    while server.fileno() >= 0:
        try:
            if proto == "tcp":
                connection, peer = server.accept()
                with connection:
                    connection.sendall(_plain(peer[0]))
            else:
                _, peer = server.recvfrom(2048)
                server.sendto(_plain(peer[0]), peer)
        except TimeoutError:
            continue
        except OSError:
            return


def _plain(address: str) -> bytes:
    return address.removeprefix("::ffff:").encode()


def ask(
    place: Sandbox, address: str, port: int, proto: str = "tcp", seconds: float = SECONDS
) -> str:
    """What a server says who we are; "" when it cannot be reached."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM

    def work() -> str:
        with socket.socket(family, kind) as client:
            client.settimeout(seconds)
            try:
                client.connect((address, port))
                if proto == "udp":
                    client.send(b"who am I?")
                return client.recv(100).decode()
            except OSError:
                return ""

    return place.run(work)


@contextlib.contextmanager
def laboratory(mtu: int = 1500, *, obeys_input: bool = False) -> Iterator[Lab]:
    """A laboratory for one test."""
    with contextlib.ExitStack() as stack:
        yield Lab(stack, mtu, obeys_input=obeys_input)
