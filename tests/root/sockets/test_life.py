"""The life of scoped sockets: owner, expiry, removal, restarts, and what stays open meanwhile."""

from __future__ import annotations

import json
import os
import socket as sockets_of_python
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import leaks
from tests.engines import Engine
from tests.root.sockets.conftest import Socket, Sockets, ask

_SECOND = 10**9


def gone(path: str) -> bool:
    """Wait until a file is not there; False when it stays."""
    limit = time.monotonic() + 30
    while os.path.lexists(path):
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def test_the_file_is_the_owners(sockets: Sockets) -> None:
    mine = os.stat(sockets.make("read").path)
    assert (mine.st_uid, stat.S_IMODE(mine.st_mode)) == (0, 0o600)
    given = os.stat(sockets.make("read", Owner="4711:4712").path)
    assert (given.st_uid, given.st_gid, stat.S_IMODE(given.st_mode)) == (4711, 4712, 0o660)


def as_user(socket: Socket, *words: str) -> subprocess.CompletedProcess[str]:
    """Run docker through a socket as user 4711."""
    socket.engine.root.chmod(0o711)
    become = ["setpriv", "--reuid=4711", "--regid=4711", "--clear-groups"]
    environment = {"PATH": os.environ["PATH"], "DOCKER_HOST": f"unix://{socket.path}"}
    return subprocess.run(
        [*become, "docker", *words], env=environment, capture_output=True, text=True, check=False
    )


def test_another_user_through_his_socket(sockets: Sockets) -> None:
    """His own and nobody else's, even root's."""
    assert as_user(sockets.make("read", Owner="4711"), "ps").returncode == 0
    assert "permission denied" in as_user(sockets.make("read"), "ps").stderr


def test_what_a_user_leaves_in_a_bind_is_his(sockets: Sockets, tmp_path: Path) -> None:
    """Root in a container makes no program that is setuid root on the host, and no device node."""
    top = tmp_path / "root"
    top.mkdir()
    os.chown(top, 4711, 4711)
    socket = sockets.make("run", Owner="4711", BindRoot=str(top))
    script = "cp /bin/busybox /w/sh && chmod 4755 /w/sh; mknod /w/disk b 8 0; id -u"
    words = ("--rm", "--network", "none", "-v", f"{top}:/w", "busybox", "sh", "-c", script)
    done = as_user(socket, "run", *words)
    assert done.stdout.strip() == "0", done
    assert "mknod" in done.stderr
    assert {path.name: path.stat().st_uid for path in top.iterdir()} == {"sh": 4711}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"Name": "../x"}, "invalid name of a socket"),
        ({"Name": ""}, "invalid name of a socket"),
        ({"Allow": ["everything"]}, "there is no verb everything"),
        ({"Allow": []}, "must allow something"),
        ({"TTL": -1}, "cannot be negative"),
        ({"Owner": "no-such-user-here"}, "there is no user"),
        ({"BindRoot": "/"}, "the bind root cannot be /"),
        ({"BindRoot": "relative"}, "must be an absolute path"),
        ({"BindRoot": "/no/such/directory"}, "is no directory"),
        ({"Path": "relative"}, "invalid path of a socket"),
        ({"Path": "/" + "x" * 200}, "invalid path of a socket"),
        ({"Labels": {"a=b": "c"}}, "invalid label for a socket"),
        ({"Labels": {"a": "b\nc"}}, "invalid label for a socket"),
    ],
)
def test_bad_requests(wherry: Engine, wanted: dict[str, object], message: str) -> None:
    body = {"Name": "bad", "Allow": ["read"], **wanted}
    status, answer = ask(wherry, "POST", "/wherry/sockets/create", body)
    assert status == 400 and message in answer["message"], answer


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o1777])
def test_no_bind_root_that_others_can_exchange(wherry: Engine, tmp_path: Path, mode: int) -> None:
    """Its owner would put a link to / in its place; what is in it may be his."""
    theirs = tmp_path / "theirs"
    (theirs / "work").mkdir(parents=True)
    for path in (theirs, theirs / "work"):
        os.chown(path, 4711, -1)
    if mode != 0o755:
        os.chown(theirs, 0, -1)
        theirs.chmod(mode)
    body = {"Name": "bad", "Allow": ["run"], "BindRoot": str(theirs / "work")}
    status, answer = ask(wherry, "POST", "/wherry/sockets/create", body)
    assert status == 400 and "others than root can change it" in answer["message"], answer
    (tmp_path / "link").symlink_to(theirs / "work")
    body["BindRoot"] = str(tmp_path / "link")
    assert ask(wherry, "POST", "/wherry/sockets/create", body)[0] == 400


def test_no_path_that_others_can_exchange(wherry: Engine, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 4711, -1)
    for path in (theirs / "s", theirs / "deep" / "s"):
        path.parent.mkdir(exist_ok=True)
        body = {"Name": "bad", "Allow": ["read"], "Path": str(path)}
        status, answer = ask(wherry, "POST", "/wherry/sockets/create", body)
        assert status == 400 and "others than root can change it" in answer["message"]


def test_a_path_of_its_own(sockets: Sockets, wherry: Engine, tmp_path: Path) -> None:
    path = str(tmp_path / "own.sock")
    socket = sockets.make("read", Path=path)
    assert socket.good("ps", "-q") == ""
    status, answer = ask(
        wherry, "POST", "/wherry/sockets/create", {"Name": "n2", "Allow": ["read"], "Path": path}
    )
    assert status == 503 and "cannot listen on" in answer["message"]
    ask(wherry, "DELETE", f"/wherry/sockets/{socket.name}")
    assert not os.path.exists(path)


def test_names_are_taken_once(sockets: Sockets, wherry: Engine) -> None:
    socket = sockets.make("read")
    body = {"Name": socket.name, "Allow": ["read"]}
    status, answer = ask(wherry, "POST", "/wherry/sockets/create", body)
    assert status == 409 and "exists already" in answer["message"]
    assert ask(wherry, "GET", f"/wherry/sockets/{socket.name}")[1]["Allow"] == ["read"]
    assert ask(wherry, "GET", "/wherry/sockets/none-such")[0] == 404
    assert ask(wherry, "DELETE", "/wherry/sockets/none-such")[0] == 404


def test_expiry_ends_what_is_open(sockets: Sockets, wherry: Engine) -> None:
    """An exec that was taken over before, an event stream, and a connection that waits."""
    socket = sockets.make("run", "container:exec", TTL=2 * _SECOND)
    id = socket.good("run", "-d", "--network", "none", "busybox", "sleep", "1000")
    waiting = sockets_of_python.socket(sockets_of_python.AF_UNIX)
    waiting.connect(socket.path)
    environment = wherry.environment | {"DOCKER_HOST": f"unix://{socket.path}"}
    shell = subprocess.Popen(
        ["docker", "exec", "-i", id, "sh"], env=environment, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    events = subprocess.Popen(
        ["docker", "events"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert shell.stdin is not None and shell.stdout is not None
    shell.stdin.write(b"echo in\n")
    shell.stdin.flush()
    assert shell.stdout.readline() == b"in\n"
    assert gone(socket.path)
    events.communicate(timeout=30)
    shell.communicate(timeout=30)
    waiting.settimeout(30)
    assert waiting.recv(1) == b""
    waiting.close()
    assert gone(os.path.dirname(socket.path))
    assert ask(wherry, "GET", f"/wherry/sockets/{socket.name}")[0] == 404
    assert wherry.output("inspect", "-f", "{{.State.Running}}", id) == "true"


def test_sockets_outlive_the_daemon(own_wherry: Engine, tmp_path: Path) -> None:
    sockets = Sockets(own_wherry, "team")
    kept = sockets.make("read")
    short = sockets.make("read", TTL=_SECOND)
    own = sockets.make("read", Path=str(tmp_path / "own.sock"))
    removed = sockets.make("read")
    ask(own_wherry, "DELETE", f"/wherry/sockets/{removed.name}")
    own_wherry.kill()
    time.sleep(1.1)
    own_wherry.start()
    for socket in (kept, own):
        assert socket.good("ps", "-q") == ""
    assert not os.path.lexists(os.path.dirname(short.path))
    assert not os.path.lexists(removed.path)
    names = [each["Name"] for each in ask(own_wherry, "GET", "/wherry/sockets")[1]]
    assert names == [kept.name, own.name]
    sockets.close()
    assert not os.path.lexists(own.path)


def test_the_command_line(wherry: Engine) -> None:
    environment = wherry.environment | {"WHERRY_HOST": wherry.host}

    def run(*words: str) -> str:
        command = [sys.executable, "-I", "-c", "from wherry.cli.main import main; main()", *words]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    name = f"cli-{os.getpid()}"
    words = ("--allow", "read,container:start", "--label", "a=b", "--ttl", "1h", "--image", "x/*")
    path = run("socket", "create", name, *words)
    assert path.endswith(f"/sockets/{name}/docker.sock")
    shown = json.loads(run("socket", "inspect", name))[0]
    assert (shown["Allow"], shown["Labels"]) == (["read", "container:start"], {"a": "b"})
    assert (shown["Images"], shown["Path"]) == (["x/*"], path)
    assert name in run("socket", "ls", "-q").split()
    assert "a=b" in run("socket", "ls", "--format", '{{.Name}} {{.Labels}} {{.Label "a"}}')
    assert run("socket", "rm", name) == name
    assert not os.path.exists(path)


def test_nothing_stays(wherry: Engine) -> None:
    sockets = Sockets(wherry, "leaks")
    sockets.make("read")
    sockets.close()
    before = leaks.Holdings.of(wherry)
    for _ in range(3):
        sockets.make("run").good("ps")
        sockets.close()
    left = leaks.Holdings.of(wherry).grown_since(before)
    assert not left, left


def test_the_log_tells_of_everything(sockets: Sockets, wherry: Engine) -> None:
    socket = sockets.make("run")
    id = socket.good("create", "--network", "none", "busybox")
    socket.bad("exec", id, "true")
    lines = (wherry.data_root / "audit" / "api.log").read_text().splitlines()
    own = [line for line in map(json.loads, lines) if line["socket"] == socket.name]
    (made,) = [line for line in own if line["verb"] == "container:create"]
    assert (made["answer"], made["made"], made["uid"]) == (201, id, os.geteuid())
    assert made["exe"].endswith("docker") or made["exe"] == ""
    (refused,) = [line for line in own if line["answer"] == 403]
    assert (refused["verb"], refused["object"]) == ("container:exec", id)
    assert "is not allowed" in refused["why"]
