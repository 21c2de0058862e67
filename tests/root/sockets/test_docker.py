"""The docker command line through a scoped socket: what works, what is not there, what is refused.

Attempts of users-want 22: list, create privileged (403), another team's container (404).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import Engine
from tests.root.sockets.conftest import Socket, Sockets

CI = ("run", "container:exec", "container:copy-in", "container:copy-out", "container:commit",
      "container:rename", "container:update", "volume", "network", "df")  # fmt: skip


@pytest.fixture
def other(wherry: Engine, sockets: Sockets) -> Iterator[str]:
    """A container of somebody else."""
    name = f"other-{sockets.label}"
    wherry.output("run", "-d", "--name", name, "--network", "none", "busybox", "sleep", "1000")
    yield name
    wherry.output("rm", "-f", name)


@pytest.fixture
def ci(sockets: Sockets, tmp_path: Path) -> Socket:
    (tmp_path / "root" / "sub").mkdir(parents=True)
    return sockets.make(*CI, BindRoot=str(tmp_path / "root"))


def test_a_day_of_a_ci_job(ci: Socket, sockets: Sockets, tmp_path: Path, other: str) -> None:
    mine = f"mine-{sockets.label}"
    volume = f"cache-{sockets.label}"
    assert ci.good("run", "--rm", "--network", "none", "busybox", "echo", "hello") == "hello"
    words = ("-v", f"{volume}:/cache", "-v", f"{tmp_path}/root/sub:/work", "--network", "none")
    ci.good("run", "-d", "--name", mine, *words, "busybox", "sleep", "1000")
    assert ci.good("ps", "-a", "--format", "{{.Names}}") == mine
    ci.good("exec", mine, "sh", "-c", "echo built > /work/result; echo kept > /cache/file")
    assert (tmp_path / "root/sub/result").read_text() == "built\n"
    ci.good("cp", f"{mine}:/cache/file", str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "kept\n"
    assert ci.good("volume", "ls", "-q") == volume
    labels = json.loads(ci.good("inspect", "-f", "{{json .Config.Labels}}", mine))
    assert labels["team"] == sockets.label
    assert ci.good("volume", "inspect", "-f", "{{.Labels.team}}", volume) == sockets.label
    assert f"Containers: {1}" in ci.good("info")
    ci.good("system", "df", "-v")
    ci.good("stop", "-t", "0", mine)
    ci.good("rm", "-v", mine)
    ci.good("volume", "rm", volume)


def test_networks_of_its_own(ci: Socket, sockets: Sockets, wherry: Engine, other: str) -> None:
    name, foreign = f"net-{sockets.label}", f"foreign-{sockets.label}"
    wherry.output("network", "create", foreign)
    try:
        ci.good("network", "create", name)
        listed = ci.good("network", "ls", "--format", "{{.Name}}").split()
        assert sorted(listed) == sorted(["bridge", "none", name])
        script = ("sh", "-c", "ip -o addr show eth0 | head -1")
        assert "eth0" in ci.good("run", "--rm", "--network", name, "busybox", *script)
        assert "not found" in ci.bad("network", "inspect", foreign)
        ci.bad("run", "--rm", "--network", foreign, "busybox", "true")
        assert "not found" in ci.bad("network", "rm", foreign)
        assert "No such container" in ci.bad("network", "connect", name, other)
        assert "cannot be chosen" in ci.bad("network", "create", "--subnet", "10.9.9.0/24", "x")
        ci.good("network", "rm", name)
    finally:
        wherry.output("network", "rm", foreign)


REFUSED = {
    "privileged": (["--privileged"], "Privileged true is more"),
    "capability": (["--cap-add", "SYS_ADMIN"], "CapAdd CAP_SYS_ADMIN is more"),
    "device": (["--device", "/dev/null"], "is more than"),
    "bind": (["-v", "/etc:/x"], "/etc cannot be mounted"),
    "bind of what is not there": (["-v", "/no/such/file:/x"], "/no/such/file cannot be mounted"),
    "mount": (["--mount", "type=bind,source=/etc,target=/x"], "/etc cannot be mounted"),
    "bind through dots": (["-v", "{root}/../../../../etc:/x"], "/etc cannot be mounted"),
    "bind beside": (["-v", "{root}x:/x"], "cannot be mounted"),
    "volume of a directory": (
        ["--mount", "type=volume,target=/x,volume-opt=o=bind,volume-opt=device=/etc"],
        "driver options",
    ),
    "host network": (["--network", "host"], "network mode host is more"),
    "host pid": (["--pid", "host"], "pid mode host is more"),
    "host ipc": (["--ipc", "host"], "ipc mode host is more"),
    "host uts": (["--uts", "host"], "UTSMode host is more"),
    "host user namespace": (["--userns", "host"], "UsernsMode host is more"),
    "host cgroups": (["--cgroupns", "host"], "CgroupnsMode host is more"),
    "seccomp": (["--security-opt", "seccomp=unconfined"], "SecurityOpt"),
    "masks": (["--security-opt", "systempaths=unconfined"], "Paths nothing is more"),
    "cgroup parent": (["--cgroup-parent", "/x"], "CgroupParent"),
    "sysctl": (["--sysctl", "net.ipv4.ip_forward=1"], "Sysctls"),
    "port": (["-p", "1:1"], "ports cannot be published"),
    "all ports": (["-P"], "ports cannot be published"),
    "label": (["--label", "team=x"], 'label "team" is'),
    "other's network": (["--network", "container:{other}"], "No such container"),
    "other's pids": (["--pid", "container:{other}"], "No such container"),
    "other's ipc": (["--ipc", "container:{other}"], "No such container"),
    "other's volumes": (["--volumes-from", "{other}"], "No such container"),
    "other's name": (["--name", "{other}"], "is already in use"),
    "link": (["--link", "{other}:x"], "No such container"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(ci: Socket, other: str, tmp_path: Path, what: str) -> None:
    words, message = REFUSED[what]
    given = [word.format(root=tmp_path / "root", other=other) for word in words]
    name = [] if "--name" in given else ["--network=none"] if "--network" not in given else []
    told = ci.bad("create", *given, *name, "busybox", "true")
    assert message in told, told
    assert other not in told or "{other}" in " ".join(words)
    assert ci.good("ps", "-aq") == ""


def test_another_team_is_not_there(ci: Socket, wherry: Engine, other: str, tmp_path: Path) -> None:
    id = wherry.output("inspect", "-f", "{{.Id}}", other)
    for ref in (other, f"/{other}", id, id[:12], id[:2]):
        for words in (("logs",), ("start",), ("kill",), ("rm",), ("top",), ("stop",),
                      ("port",), ("rename",), ("attach",), ("exec",), ("wait",)):  # fmt: skip
            rest = {"rename": ("x",), "exec": ("true",)}.get(words[0], ())
            told = ci.bad(*words, ref, *rest)
            assert "No such container" in told or "is not allowed" in told, (words, told)
    assert "No such container" in ci.bad("cp", f"{other}:/etc/passwd", str(tmp_path))
    assert "No such container" in ci.bad("commit", other)
    assert ci.bad("ps", "-a", "--filter", f"since={other}").count("No such container") == 1
    assert ci.good("ps", "-aq", "--filter", f"id={id}") == ""
    status, _ = ci.ask("GET", f"/containers/{id}/json")
    assert status == 404
    assert wherry.output("inspect", "-f", "{{.State.Running}}", other) == "true"


def test_a_label_gives_no_more_than_the_socket(
    ci: Socket, wherry: Engine, sockets: Sockets
) -> None:
    """A privileged container that carries the label is seen, and not reached into."""
    label = f"team={sockets.label}"
    for words in (["--privileged"], ["-v", "/etc:/x:ro"], ["--pid", "host"]):
        run = ("run", "-d", "--network", "none", "--label", label, *words)
        id = wherry.output(*run, "busybox", "sleep", "1000")
        assert id[:12] in ci.good("ps", "-q")
        for reach in (
            ["exec", id, "true"],
            ["cp", f"{id}:/x", "-"],
            ["commit", id],
            ["run", "--rm", "--volumes-from", id, "busybox"],
            ["run", "--rm", "--pid", f"container:{id}", "busybox"],
            ["run", "--rm", "--network", f"container:{id}", "busybox"],
        ):
            assert "was made with more than the socket" in ci.bad(*reach), (words, reach)
        ci.good("rm", "-f", id)


def test_volumes_of_others(ci: Socket, wherry: Engine, sockets: Sockets, tmp_path: Path) -> None:
    foreign, bound = f"v-{sockets.label}", f"b-{sockets.label}"
    wherry.output("volume", "create", foreign)
    options = ("-o", "type=none", "-o", "o=bind", "-o", f"device={tmp_path}")
    wherry.output("volume", "create", "--label", f"team={sockets.label}", *options, bound)
    try:
        assert foreign not in ci.good("volume", "ls", "-q")
        assert "no such volume" in ci.bad("volume", "inspect", foreign)
        assert "no such volume" in ci.bad("volume", "rm", foreign)
        assert "the name is in use" in ci.bad("volume", "create", foreign)
        for volume, message in ((foreign, "no such volume"), (bound, "lead to the host's files")):
            words = ("--network", "none", "-v", f"{volume}:/v")
            assert message in ci.bad("create", *words, "busybox")
        assert ci.ask("GET", f"/volumes/{bound}/export")[0] == 403
    finally:
        wherry.output("volume", "rm", foreign, bound)


def test_a_link_that_is_changed_after_creation(ci: Socket, tmp_path: Path) -> None:
    """Whoever writes below the root swaps a directory for a link while the container sleeps."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("secret")
    place = tmp_path / "root" / "place"
    place.mkdir()
    words = ("--network", "none", "-v", f"{place}:/w")
    id = ci.good("create", *words, "busybox", "cat", "/w/key")
    place.rmdir()
    place.symlink_to(tmp_path / "secret")
    done = ci.run("start", "-a", id)
    assert done.returncode != 0 and "secret" not in done.stdout


def test_only_some_images(sockets: Sockets, wherry: Engine) -> None:
    name = f"reg.test/{sockets.label}/app"
    wherry.output("tag", "busybox", f"{name}:1")
    try:
        socket = sockets.make("run", "image", "container:commit", Images=[f"{name}:*"])
        listed = socket.good("images", "--format", "{{.Repository}}:{{.Tag}}").split()
        assert f"{name}:1" in listed
        assert socket.good("run", "--rm", "--network", "none", f"{name}:1", "echo", "x") == "x"
        assert "nginx:latest: the socket" in socket.bad("pull", "nginx")
        socket.good("tag", f"{name}:1", f"{name}:2")
        assert "may change no image" in socket.bad("tag", f"{name}:1", "nginx:latest")
        assert "may change no image" in socket.bad("rmi", "-f", "busybox")
        id = socket.good("create", "--network", "none", f"{name}:1")
        assert "may change no image" in socket.bad("commit", id, "nginx:latest")
        assert "is not allowed through the socket" in socket.bad("load", "-i", __file__)
        socket.good("rm", id)
        socket.good("rmi", f"{name}:1", f"{name}:2")
    finally:
        wherry.docker("rmi", f"{name}:1", f"{name}:2")


def test_execs_of_others(ci: Socket, wherry: Engine, other: str) -> None:
    """Whoever knows the id of one can neither see nor start it."""
    with wherry.connect() as connection:
        made = connection.request("POST", f"/containers/{other}/exec", {"Cmd": ["true"]})
    id = made.json()["Id"]
    for method, path in (("GET", "json"), ("POST", "start"), ("POST", "resize?h=1&w=1")):
        status, answer = ci.ask(method, f"/exec/{id}/{path}", {} if path == "start" else None)
        assert (status, answer["message"]) == (404, f"No such exec instance: {id}")


def test_a_privileged_exec(ci: Socket) -> None:
    id = ci.good("run", "-d", "--network", "none", "busybox", "sleep", "1000")
    assert "privileged exec" in ci.bad("exec", "--privileged", id, "true")


def test_reading_only(sockets: Sockets, wherry: Engine) -> None:
    """What Traefik needs, and no more."""
    words = ("--network", "none", "--label", f"team={sockets.label}")
    wherry.output("run", "-d", *words, "busybox", "sleep", "1000")
    socket = sockets.make("container:list", "container:inspect", "events")
    id = socket.good("ps", "-q", "--no-trunc")
    assert json.loads(socket.good("inspect", id))[0]["Id"] == id
    for command in (["stop", id], ["rm", "-f", id], ["exec", id, "true"], ["logs", id], ["images"]):
        assert "is not allowed through the socket" in socket.bad(*command)


def test_events_of_others_are_not_told(ci: Socket, wherry: Engine, sockets: Sockets) -> None:
    since = wherry.output("info", "-f", "{{.SystemTime}}")
    for socket in (wherry.host, f"unix://{ci.path}"):
        environment = ["-H", socket]
        wherry.output(*environment, "run", "--rm", "--network", "none", "busybox", "true")
    wherry.output("volume", "create", f"f-{sockets.label}")
    wherry.output("volume", "rm", f"f-{sockets.label}")
    keep = ci.good("create", "--network", "none", "busybox")
    until = wherry.output("info", "-f", "{{.SystemTime}}")
    words = ("events", "--since", since, "--until", until, "--format", "{{json .}}")
    seen = [json.loads(line) for line in ci.good(*words).splitlines()]
    containers = [each for each in seen if each["Type"] == "container"]
    assert {each["Actor"]["ID"] for each in containers} == {keep}
    assert not [each for each in seen if each["Type"] == "volume"]
