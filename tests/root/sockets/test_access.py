"""Who may do what on the API's own socket, by the ids that the kernel tells of the caller."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import running
from tests.engines import Engine

ACCESS = {
    "default": "none",
    "users": {"root": "all", "4711": "read-only"},
    "groups": {"4800": "all", "4801": "read-only"},
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    file = tmp_path_factory.mktemp("access") / "daemon.json"
    file.write_text(json.dumps({"access": ACCESS, "audit": True}))
    with running("wherry", [f"--config-file={file}"]) as engine:
        engine.root.chmod(0o711)
        engine.socket.chmod(0o666)  # so that the setting alone decides
        yield engine


def docker(engine: Engine, ids: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run docker as UID[:GROUP...], the first group being the primary one."""
    uid, *groups = ids.split(":")
    more = ["--groups", ",".join(groups[1:])] if groups[1:] else ["--clear-groups"]
    become = ["setpriv", f"--reuid={uid}", f"--regid={(groups or ['100'])[0]}", *more]
    environment = {"PATH": os.environ["PATH"], "DOCKER_HOST": engine.host}
    return subprocess.run(
        [*become, "docker", *words], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("ids", "reads", "changes"),
    [
        ("0", True, True),
        ("4711", True, False),
        ("4711:4800", True, False),
        ("4712", False, False),
        ("4712:4800", True, True),
        ("4712:100:4800", True, True),
        ("4712:100:4801:4800", True, True),
        ("4712:4801", True, False),
    ],
)
def test_levels(guarded: Engine, ids: str, reads: bool, changes: bool) -> None:
    read = docker(guarded, ids, "ps")
    assert (read.returncode == 0) is reads, read
    if not reads:
        assert f"uid {ids.split(':')[0]} (pid" in read.stderr
        assert "whoever is not named may do nothing here" in read.stderr
    change = docker(guarded, ids, "volume", "create", f"v{ids.replace(':', '-')}")
    assert (change.returncode == 0) is changes, change
    if reads and not changes:
        assert "may read only here" in change.stderr and "daemon.json" in change.stderr


def test_everybody_is_written_down(guarded: Engine) -> None:
    docker(guarded, "4712:4801", "rm", "somebody")
    lines = (guarded.data_root / "audit" / "api.log").read_text().splitlines()
    last = json.loads(lines[-1])
    assert (last["uid"], last["verb"], last["object"]) == (4712, "container:remove", "somebody")
    assert (last["answer"], last["socket"]) == (403, "")


def test_a_mistake_keeps_the_daemon_from_starting(tmp_path: Path) -> None:
    file = tmp_path / "daemon.json"
    file.write_text(json.dumps({"access": {"default": "nobody"}}))
    command = ["wherry", "daemon", "--config-file", str(file), "--data-root", str(tmp_path / "d")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0 and "access: default must be one of" in done.stderr


def test_owner_and_mode_are_dockers(wherry: Engine) -> None:
    found = wherry.socket.stat()
    assert (found.st_uid, found.st_mode & 0o777) == (0, 0o660)
