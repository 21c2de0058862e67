"""Mounts that show the owner's files as the container user's: binds and volumes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines import Engine

OWNER = 1234
WHERRY = [sys.executable, "-I", "-c", "from wherry.cli.main import main; main()"]
LOOK = "stat -c '%u %g' /d /d/old; touch /d/new && stat -c '%u %g' /d/new"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory of somebody's, with a file in it."""
    place = tmp_path / "source"
    place.mkdir()
    (place / "old").touch()
    for path in (place, place / "old"):
        os.chown(path, OWNER, OWNER + 1)
    return place


def ours(engine: Engine, *words: str) -> subprocess.CompletedProcess[bytes]:
    """`wherry run` without a network."""
    command = [*WHERRY, "run", "--rm", "--network", "none", *words]
    return subprocess.run(command, capture_output=True, env=engine.environment, timeout=120)


def docker_run(engine: Engine, *words: str) -> subprocess.CompletedProcess[bytes]:
    return engine.docker("run", "--rm", "--network", "none", *words)


def owner(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_uid, state.st_gid


@pytest.mark.parametrize("user", ["0:0", "1000:1000", f"{OWNER}:{OWNER + 1}"])
@pytest.mark.parametrize(
    "words", [["-v", "{}:/d:idmap"], ["--mount", "type=bind,src={},dst=/d,bind-idmap"]]
)
def test_files_are_the_users_inside_and_the_owners_on_disk(
    wherry: Engine, source: Path, user: str, words: list[str]
) -> None:
    flag, value = words
    found = ours(wherry, "-u", user, flag, value.format(source), "busybox", "sh", "-c", LOOK)
    assert found.returncode == 0, found.stderr
    assert found.stdout.decode().splitlines() == [user.replace(":", " ")] * 3
    assert owner(source) == owner(source / "old") == owner(source / "new") == (OWNER, OWNER + 1)


def test_the_docker_cli_asks_by_v(wherry: Engine, source: Path) -> None:
    found = docker_run(wherry, "-v", f"{source}:/d:idmap=owner", "busybox", "touch", "/d/new")
    assert found.returncode == 0, found.stderr
    assert owner(source / "new") == (OWNER, OWNER + 1)


def test_the_callers_files(wherry: Engine, source: Path) -> None:
    """The socket's mode is not in the way: the test is root and connects as somebody else."""
    os.chown(wherry.socket, 0, OWNER + 1)
    program = (
        "import os,sys,socket; s=sys.argv[1]; os.setgid(1235); os.setuid(1234);"
        "c=socket.socket(socket.AF_UNIX); c.connect(s); b=sys.argv[2].encode();"
        "c.sendall(b'POST /v1.47/containers/create HTTP/1.0\\r\\nHost: x\\r\\n'"
        "b'Content-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(b) + b);"
        "print(b''.join(iter(lambda: c.recv(65536), b'')).decode().rpartition('\\r\\n')[2])"
    )
    (source / "roots").touch()
    host = {"Binds": [f"{source}:/d:idmap=caller"], "NetworkMode": "none"}
    body = {
        "Image": "busybox",
        "HostConfig": host,
        "Cmd": ["sh", "-c", "touch /d/new; stat -c %u /d/old /d/roots"],
    }
    os.chmod(wherry.root, 0o755)
    made = subprocess.run(
        ["python3", "-c", program, str(wherry.socket), json.dumps(body)],
        capture_output=True,
        check=True,
    )
    id = json.loads(made.stdout)["Id"]
    try:
        found = wherry.docker("start", "-a", id)
        assert found.stdout.decode().split() == ["0", "65534"], found.stderr
        assert owner(source / "new") == (OWNER, OWNER + 1)
    finally:
        wherry.docker("rm", "-f", id, check=True)


def test_a_volume(wherry: Engine) -> None:
    name = f"owned-{os.getpid()}"
    try:
        docker_run(wherry, "-v", f"{name}:/d", "busybox", "chown", "1234:1235", "/d")
        mount = f"type=volume,src={name},dst=/d,volume-idmap"
        made = ours(
            wherry,
            "-u",
            "7:8",
            "--mount",
            mount,
            "busybox",
            "sh",
            "-c",
            "touch /d/new; stat -c '%u %g' /d/new",
        )
        assert made.stdout == b"7 8\n", made.stderr
        seen = docker_run(wherry, "-v", f"{name}:/d", "busybox", "stat", "-c", "%u %g", "/d/new")
        assert seen.stdout == b"1234 1235\n"
    finally:
        wherry.docker("volume", "rm", "-f", name, check=True)


def test_a_given_map_and_bad_ones(wherry: Engine, source: Path) -> None:
    base = ["create", "--rm", "--network", "none"]
    for form in ("idmap=nobody", "idmap=uids=0-1"):
        found = wherry.docker(*base, "-v", f"{source}:/d:{form}", "busybox")
        assert found.returncode == 1 and b"idmap" in found.stderr, found.stderr
    form = "idmap=uids=1234-50-1;gids=1235-60-1"
    found = docker_run(
        wherry, "-v", f"{source}:/d:{form}", "busybox", "stat", "-c", "%u %g", "/d/old"
    )
    assert found.stdout == b"50 60\n", found.stderr
