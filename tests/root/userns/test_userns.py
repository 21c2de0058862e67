"""Containers in user namespaces of their own, through the docker command line and the API."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests import leaks
from tests.conftest import running
from tests.engines import Engine

SIZE = 65_536


class Place:
    """An engine whose containers get ranges of ids, and what was started on it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.network = f"n-{uuid4().hex[:8]}"
        engine.output("network", "create", self.network)
        self._names: list[str] = []

    def run(self, *words: str, options: tuple[str, ...] = ()) -> str:
        """Output of a container that ends."""
        return self.engine.output("run", "--rm", *options, "busybox", *words)

    def start(self, *options: str, command: tuple[str, ...] = ("sleep", "1000")) -> str:
        """A container that goes on; its name."""
        name = f"c-{uuid4().hex[:8]}"
        self._names.append(name)
        self.engine.output("run", "-d", "--name", name, *options, "busybox", *command)
        return name

    def create(self, mode: str, command: tuple[str, ...] = ("sleep", "1000"), **host: Any) -> str:
        """A container with a mode that docker's client does not send; its name."""
        name = f"c-{uuid4().hex[:8]}"
        body = {"Image": "busybox", "Cmd": command, "HostConfig": {"UsernsMode": mode, **host}}
        with self.engine.connect() as api:
            answer = api.request("POST", f"/containers/create?name={name}", body)
        assert answer.status == 201, answer
        self._names.append(name)
        return name

    def inside(self, name: str, *words: str) -> str:
        """Output of a command in a container."""
        return self.engine.output("exec", name, *words)

    def pid(self, name: str) -> int:
        """The host's number of its first process."""
        return int(self.engine.output("inspect", "--format", "{{.State.Pid}}", name))

    def range(self, name: str) -> tuple[int, int]:
        """First id of the host and how many."""
        inside, outside, count = map(int, self.inside(name, "cat", "/proc/self/uid_map").split())
        assert inside == 0
        return outside, count

    def close(self) -> None:
        """Remove everything."""
        if self._names:
            self.engine.docker("rm", "-f", "-v", *self._names)
        self.engine.output("network", "rm", self.network)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with running("wherry", ["--userns=auto"]) as made:
        yield made


@pytest.fixture
def place(engine: Engine) -> Iterator[Place]:
    before = leaks.Holdings.of(engine)
    made = Place(engine)
    yield made
    made.close()
    leaks.assert_nothing_left(engine, before)


def test_its_root_is_not_the_host_s(place: Place, tmp_path: Path) -> None:
    name = place.start("-v", f"{tmp_path}:/host")
    first, count = place.range(name)
    assert count == SIZE
    assert os.stat(f"/proc/{place.pid(name)}").st_uid == first
    assert place.inside(name, "id") == "uid=0(root) gid=0(root) groups=0(root)"
    assert place.inside(name, "stat", "-c", "%u %g", "/bin/busybox", "/etc/hosts") == "0 0\n0 0"
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret").chmod(0o600)
    tmp_path.chmod(0o755)
    for script in ("cat /host/secret", "touch /host/new", "mknod /tmp/sda b 8 0"):
        assert place.engine.docker("exec", name, "sh", "-c", script).returncode, script
    assert place.engine.docker("exec", "--privileged", name, "cat", "/host/secret").returncode
    assert "name=userns" in place.engine.output("info", "--format", "{{.SecurityOptions}}")


def test_ranges_never_overlap_even_at_once(place: Place) -> None:
    with ThreadPoolExecutor(20) as many:
        names = list(many.map(lambda _: place.create("auto"), range(60)))
    rows = []
    for name in names:
        place.engine.output("start", name)
        rows.append(place.range(name))
        place.engine.output("kill", name)
    firsts = sorted(first for first, _ in rows)
    assert all(b - a >= SIZE for a, b in itertools.pairwise(firsts))


def test_a_range_is_kept_over_a_killed_daemon(place: Place) -> None:
    name = place.start()
    kept = place.range(name)
    place.engine.kill(signal.SIGKILL)
    place.engine.start()
    other = place.start()
    assert place.range(other) != kept
    place.engine.output("restart", "-t", "0", name)
    assert place.range(name) == kept


def test_a_volume_is_shared_by_different_ranges(place: Place) -> None:
    volume = f"v-{uuid4().hex[:8]}"
    script = "echo x > /v/x; chown 5:6 /v/x"
    place.run("sh", "-c", script, options=("-v", f"{volume}:/v"))
    blocked = place.start()  # the next range is another one
    seen = ("stat", "-c", "%u %g", "/v/x")
    for options in ((), ("--userns=host",)):
        assert place.run(*seen, options=("-v", f"{volume}:/v", *options)) == "5 6"
    assert place.range(blocked)[1] == SIZE
    place.engine.output("volume", "rm", volume)


@pytest.mark.parametrize(
    ("word", "owner", "made_by"), [("idmap", "0 0", 1000), ("idmap=userns", "1000 1000", 0)]
)
def test_binds_that_are_mapped(
    place: Place, tmp_path: Path, word: str, owner: str, made_by: int
) -> None:
    source = tmp_path / "s"
    source.mkdir()
    (source / "there").touch()
    for path in (source, source / "there"):
        os.chown(path, 1000, 1000)
    if word == "idmap=userns":
        source.chmod(0o777)
    script = "stat -c '%u %g' /s/there; touch /s/new"
    assert place.run("sh", "-c", script, options=("-v", f"{source}:/s:{word}")) == owner
    assert (source / "new").stat().st_uid == made_by


def test_names_ports_and_joining(place: Place) -> None:
    serve = ("sh", "-c", "while :; do echo hello | nc -l -p 80; done")
    web = place.start("--network", place.network, "-p", "127.0.0.1::80", "--init", command=serve)
    port = int(place.engine.output("port", web, "80/tcp").rpartition(":")[2])
    ask = f"until nc {web} 80 </dev/null | grep hello; do sleep 0.1; done"
    assert place.run("sh", "-c", ask, options=("--network", place.network)) == "hello"
    asked = subprocess.run(
        ["sh", "-c", f"until nc -w 5 127.0.0.1 {port} </dev/null | grep hello; do sleep 0.1; done"],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert asked.stdout == b"hello\n"
    other = place.start()
    place.engine.output("network", "connect", place.network, other)
    assert place.engine.output("exec", other, "sh", "-c", ask) == "hello"
    place.engine.output("network", "disconnect", place.network, other)


def test_none_has_a_network_of_its_own(place: Place) -> None:
    script = "ip link set lo down && ip link set lo up && cat /proc/sys/net/ipv4/ping_group_range"
    options = ("--network", "none", "--cap-add", "NET_ADMIN")
    assert place.run("sh", "-c", script, options=options).split() == ["0", str(SIZE - 1)]


def test_a_volume_that_is_not_mapped(place: Place) -> None:
    volume = f"v-{uuid4().hex[:8]}"
    options = ("-v", f"{volume}:/v:idmap=none")
    assert place.run("stat", "-c", "%u", "/v", options=options) == "65534"
    place.engine.output("volume", "rm", volume)


@pytest.mark.parametrize("kind", ["network", "pid", "ipc"])
def test_who_borrows_is_in_the_lender_s(place: Place, kind: str) -> None:
    lender = place.start("--ipc=shareable")
    script = "cat /proc/self/uid_map; readlink /proc/self/ns/user; ip link set lo up; ps"
    text = place.run("sh", "-c", script, options=(f"--{kind}=container:{lender}",))
    assert text.splitlines()[0].split()[1] == str(place.range(lender)[0])
    assert text.splitlines()[1] == os.readlink(f"/proc/{place.pid(lender)}/ns/user")
    assert ("sleep 1000" in text) == (kind == "pid")


@pytest.mark.parametrize("option", ["--privileged", "--network=host", "--pid=host"])
def test_what_takes_the_host_s_own_gets_it(place: Place, option: str) -> None:
    told = place.run("cat", "/proc/self/uid_map", options=(option,))
    assert told.split() == ["0", "0", "4294967295"]
    host: dict[str, Any] = {
        "--privileged": {"Privileged": True},
        "--network=host": {"NetworkMode": "host"},
        "--pid=host": {"PidMode": "host"},
    }[option]
    body = {"Image": "busybox", "HostConfig": {"UsernsMode": "auto", **host}}
    with place.engine.connect() as api:
        answer = api.request("POST", "/containers/create", body)
    assert answer.status == 400
    assert "user namespaces" in answer.json()["message"]


@pytest.mark.parametrize("mode", ["auto:size=4096", "0:3000000:1000,1000:4000000:1"])
def test_other_maps(place: Place, mode: str) -> None:
    command = ("sh", "-c", "cat /proc/self/uid_map; stat -c %u /home/app")
    name = place.create(mode, command)
    place.engine.output("start", name)
    place.engine.output("wait", name)
    lines = place.engine.output("logs", name).splitlines()
    assert lines[-1] == "1000"
    assert int(lines[0].split()[2]) in (4096, 1000)
    assert place.engine.output("inspect", "--format", "{{.HostConfig.UsernsMode}}", name) == mode


def test_files_go_in_and_out(place: Place, tmp_path: Path) -> None:
    name = place.start("-v", "/data", "--tmpfs", "/t")
    (tmp_path / "f").write_text("in\n")
    for target in ("/f", "/data/f", "/t/f"):
        place.engine.output("cp", str(tmp_path / "f"), f"{name}:{target}")
        assert place.inside(name, "stat", "-c", "%u %g", target) == "0 0"
    place.inside(name, "sh", "-c", "echo out > /g; chown 5:6 /g; chmod 4755 /g")
    archive = place.engine.docker("cp", f"{name}:/g", "-", check=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as opened:
        (member,) = opened.getmembers()
    assert (member.uid, member.gid, member.mode) == (5, 6, 0o4755)
    assert "A /g" in place.engine.output("diff", name)
    image = f"i-{uuid4().hex[:8]}"
    place.engine.output("commit", name, image)
    seen = place.engine.output("run", "--rm", "--userns=host", image, "stat", "-c", "%u %g", "/g")
    assert seen == "5 6"
    place.engine.output("rmi", image)


def test_the_rest_of_a_life(place: Place) -> None:
    name = place.start("-m", "64m", "--read-only", "--tmpfs", "/t", "-e", "A=b")
    assert place.inside(name, "sh", "-c", "echo $A > /t/x; cat /t/x") == "b"
    assert place.engine.output("exec", "-u", "app", name, "id", "-u") == "1000"
    first, _ = place.range(name)
    assert str(first) in place.engine.output("top", name)
    place.engine.output("update", "-m", "96m", "--memory-swap", "96m", name)
    used = place.engine.output("stats", "--no-stream", "--format", "{{.MemUsage}}", name)
    assert used.endswith("/ 96MiB")
    place.engine.output("pause", name)
    place.engine.output("unpause", name)
    place.engine.output("stop", "-t", "0", name)
    place.engine.output("start", name)
    assert place.range(name)[0] == first
    state = json.loads(place.engine.output("inspect", name))[0]
    assert state["HostConfig"]["UsernsMode"] == "auto"


def test_its_cgroups_are_not_its_own(place: Place) -> None:
    words = ("create", "--security-opt", "writable-cgroups=true", "busybox")
    done = place.engine.docker(*words)
    assert b"incompatible with user namespaces" in done.stderr
    place.engine.output("rm", place.engine.output(*words[:1], "--userns=host", *words[1:]))


def test_a_map_that_others_have(place: Place) -> None:
    name = place.start()
    first, _ = place.range(name)
    body = {"Image": "busybox", "HostConfig": {"UsernsMode": f"0:{first + 10}:100"}}
    with place.engine.connect() as api:
        answer = api.request("POST", "/containers/create", body)
    assert answer.status == 409
    assert name in answer.json()["message"]
