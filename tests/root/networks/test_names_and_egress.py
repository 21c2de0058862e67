"""Names, files and egress policies of real containers, through the engine's API."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.engines import Engine
from tests.root.networks.dns.place import Dnsmasq
from tests.root.networks.namespaces import Namespace

Clean = Callable[[Engine], None]


def unique(stem: str) -> str:
    return f"{stem}-{uuid4().hex[:8]}"


class Place:
    """A network of its own and containers on it, all removed at the end."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.network = unique("net")
        self._networks = [self.network]
        self._containers: list[str] = []
        engine.output("network", "create", self.network)

    def another(self, *options: str) -> str:
        name = unique("net")
        self.engine.output("network", "create", *options, name)
        self._networks.append(name)
        return name

    def start(self, *options: str, network: str = "") -> str:
        name = unique("c")
        self._containers.append(name)
        words = ("run", "-d", "--name", name, "--network", network or self.network, *options)
        self.engine.output(*words, "busybox", "sleep", "1000")
        return name

    def inside(self, name: str, *words: str) -> str:
        """What a command prints in a container, whatever its status."""
        done = self.engine.docker("exec", name, *words)
        return (done.stdout + done.stderr).decode()

    def addresses(self, asker: str, name: str) -> set[str]:
        """What a name means to a container, by busybox' nslookup."""
        text = self.inside(asker, "nslookup", name, "127.0.0.11").partition("\n\n")[2]
        return {line.split()[-1] for line in text.splitlines() if line.startswith("Address")}

    def address(self, name: str, network: str = "") -> str:
        form = f'{{{{(index .NetworkSettings.Networks "{network or self.network}").IPAddress}}}}'
        return self.engine.output("inspect", "--format", form, name)

    def close(self) -> None:
        if self._containers:
            self.engine.docker("rm", "-f", *self._containers)
        for name in self._networks:
            self.engine.output("network", "rm", name)


@pytest.fixture
def place(wherry: Engine, clean: Clean) -> Iterator[Place]:
    Place(wherry).close()  # the first network brings the predefined ones with it, for good
    clean(wherry)
    made = Place(wherry)
    yield made
    made.close()


def test_containers_find_each_other_by_every_name(place: Place) -> None:
    web, asker = place.start("--network-alias", "www", "--hostname", "host"), place.start()
    expected = {place.address(web)}
    container_id = place.engine.output("inspect", "--format", "{{.Id}}", web)
    for name in (web, "www", "host", container_id[:12], f"{web}.{place.network}", web.upper()):
        assert place.addresses(asker, name) == expected, name


def test_an_alias_of_two_means_both_until_one_ends(place: Place) -> None:
    one, two = (place.start("--network-alias", "service") for _ in range(2))
    asker = place.start()
    assert place.addresses(asker, "service") == {place.address(one), place.address(two)}
    place.engine.output("rm", "-f", two)
    assert place.addresses(asker, "service") == {place.address(one)}


def test_names_of_other_networks_mean_nothing(place: Place) -> None:
    stranger, asker = place.start(network=place.another()), place.start()
    assert place.addresses(asker, stranger) == set()


def test_connecting_brings_names_and_disconnecting_takes_them(place: Place) -> None:
    other = place.another()
    moving, asker = place.start(network=other), place.start()
    assert place.addresses(asker, moving) == set()
    place.engine.output("network", "connect", "--alias", "guest", place.network, moving)
    assert place.addresses(asker, "guest") == {place.address(moving)}
    assert place.address(moving) in place.inside(moving, "cat", "/etc/hosts")
    place.engine.output("network", "disconnect", place.network, moving)
    assert place.addresses(asker, "guest") == set()


def test_users_edits_of_hosts_and_resolv_conf_are_kept(place: Place) -> None:
    name = place.start()
    place.inside(
        name, "sh", "-c", "echo 192.0.2.1 mine >>/etc/hosts; echo '# me' >>/etc/resolv.conf"
    )
    other = place.another()
    place.engine.output("network", "connect", other, name)
    place.engine.output("network", "disconnect", other, name)
    assert "192.0.2.1 mine" in place.inside(name, "cat", "/etc/hosts")
    assert "# me" in place.inside(name, "cat", "/etc/resolv.conf")


def test_a_killed_daemon_answers_again(own_wherry: Engine) -> None:
    place = Place(own_wherry)
    try:
        web, asker = place.start(), place.start()
        expected = {place.address(web)}
        own_wherry.kill(signal.SIGKILL)
        own_wherry.start()
        assert place.addresses(asker, web) == expected
    finally:
        place.close()


@pytest.fixture
def outside(place: Place) -> Iterator[Namespace]:
    """A machine with an HTTP server that the host reaches over a link of the test's own."""
    world, link = Namespace(), f"t{uuid4().hex[:8]}"
    net = f"10.{os.getpid() % 200 + 20}.{uuid4().int % 250}"
    add = ["ip", "link", "add", link, "type", "veth", "peer", "name", "w0", "netns", world.path]
    subprocess.run(add, check=True)
    try:
        for words in (("address", "add", f"{net}.1/24", "dev", link), ("link", "set", link, "up")):
            subprocess.run(["ip", *words], check=True)
        for address in (f"{net}.2/24", f"{net}.3/24"):
            world.run("ip", "address", "add", address, "dev", "w0")
        world.run("ip", "link", "set", "w0", "up")
        world.run("ip", "route", "add", "default", "via", f"{net}.1")
        world.net = net  # type: ignore[attr-defined]
        serve = [sys.executable, "-m", "http.server", "8080"]
        with subprocess.Popen(
            world.command(*serve), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as server:
            limit = time.monotonic() + 10
            while "8080" not in world.run("ss", "-Hltn"):
                assert time.monotonic() < limit
                time.sleep(0.02)
            yield world
            server.kill()
    finally:
        subprocess.run(["ip", "link", "delete", link], check=True)
        world.close()


def fetches(place: Place, name: str, host: str) -> bool:
    """By hand: the wget of a static busybox needs glibc's shared parts, which the image lacks."""
    ask = f"printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 {host} 8080"
    return "200 OK" in place.inside(name, "sh", "-c", ask)


def denials(place: Place, name: str, since: float) -> list[dict[str, str]]:
    """The denials of one container; the events of the past are complete once an answer is there."""
    text = place.engine.output(
        "events", "--since", f"{since:.6f}", "--until", f"{time.time():.6f}", "--filter",
        "event=egress-denied", "--filter", f"container={name}", "--format", "{{json .}}",
    )  # fmt: skip
    return [json.loads(line)["Actor"]["Attributes"] for line in text.splitlines()]


def test_without_a_policy_both_servers_are_reached(place: Place, outside: Namespace) -> None:
    name = place.start()
    assert fetches(place, name, f"{outside.net}.2")  # type: ignore[attr-defined]
    assert fetches(place, name, f"{outside.net}.3")  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["label", "network"])
def test_a_policy_lets_out_what_it_names_and_tells_of_the_rest(
    place: Place, outside: Namespace, how: str
) -> None:
    net = outside.net  # type: ignore[attr-defined]
    policy = f"wherry.egress=allow={net}.2:8080"
    since = time.time()
    if how == "label":
        name = place.start("--label", policy)
    else:
        name = place.start(network=place.another("--opt", policy))
    assert fetches(place, name, f"{net}.2")
    assert not fetches(place, name, f"{net}.3")
    place.inside(name, "nslookup", "other.test", "127.0.0.11")
    place.inside(name, "nslookup", "other.test", f"{net}.3")  # another server
    limit = time.monotonic() + 10
    wanted = {(f"{net}.3", "8080", "tcp"), ("other.test", "53", "dns"), (f"{net}.3", "53", "udp")}
    while True:
        found = denials(place, name, since)
        if wanted <= {(row["destination"], row["port"], row["protocol"]) for row in found}:
            break
        assert time.monotonic() < limit, found
    assert f"egress denied: container {name}" in place.engine.log.read_text()


def test_a_name_opens_the_addresses_that_our_own_dns_answered(
    place: Place, outside: Namespace, tmp_path: Path
) -> None:
    if shutil.which("dnsmasq") is None:
        pytest.skip("dnsmasq (Debian: dnsmasq-base) is not installed")
    net = outside.net  # type: ignore[attr-defined]
    policy = "wherry.egress=allow=up.test:8080"
    server = Dnsmasq(outside, f"{net}.3", tmp_path / "log", [f"--address=/up.test/{net}.2"])
    try:
        name = place.start("--label", policy, "--dns", f"{net}.3")
        assert not fetches(place, name, f"{net}.2")
        assert place.addresses(name, "up.test") == {f"{net}.2"}
        assert fetches(place, name, f"{net}.2")
        assert not fetches(place, name, f"{net}.3")
        assert server.questions("up.test") > 0
        assert "NXDOMAIN" in place.inside(name, "nslookup", "other.test", "127.0.0.11")
        assert server.questions("other.test") == 0
    finally:
        server.process.kill()
        server.process.wait()


def test_neighbours_on_the_network_are_reached_under_deny(place: Place) -> None:
    web, name = place.start(), place.start("--label", "wherry.egress=deny")
    assert "1 packets received" in place.inside(name, "ping", "-c1", "-W5", web)


def test_the_default_bridge_gets_the_embedded_dns_under_a_policy(place: Place) -> None:
    name = place.start("--label", "wherry.egress=deny", network="bridge")
    assert "nameserver 127.0.0.11" in place.inside(name, "cat", "/etc/resolv.conf")
    assert "NXDOMAIN" in place.inside(name, "nslookup", "other.test", "127.0.0.11")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--label", "wherry.egress=open"), "invalid egress policy"),
        (("--label", "wherry.egress=allow=a:0"), "a port is 1 to 65535"),
        (("--label", "wherry.egress=deny", "--network", "host"), "egress policy and the network"),
    ],
)
def test_policies_that_cannot_be_held_are_refused(
    wherry: Engine, options: tuple[str, ...], words: str
) -> None:
    done = wherry.docker("create", *options, "busybox")
    assert done.returncode != 0
    assert words in done.stderr.decode()


def test_a_network_with_a_broken_policy_is_refused(wherry: Engine) -> None:
    done = wherry.docker("network", "create", "--opt", "wherry.egress=x", unique("net"))
    assert done.returncode != 0
    assert "invalid egress policy" in done.stderr.decode()
