"""Mounts of type image, by the docker command line."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from tests.engines import Engine

LOOK = "stat -c '%u %g' /i/data; cat /i/data; echo new > /i/new && cat /i/new"


@pytest.fixture
def other(wherry: Engine, clean: Callable[[Engine], None]) -> Iterator[str]:
    """An image with a file of somebody's."""
    clean(wherry)
    image, made = f"other-{uuid4().hex[:8]}", f"c-{uuid4().hex[:8]}"
    script = "echo content > /data; chown 5:6 /data; mkdir /part; echo deep > /part/file"
    wherry.output("run", "--name", made, "busybox", "sh", "-c", script)
    wherry.output("commit", made, image)
    wherry.output("rm", made)
    yield image
    wherry.output("rmi", image)


def mount(image: str, *words: str) -> str:
    return ",".join((f"type=image,source={image},target=/i", *words))


@pytest.mark.parametrize("runtime", ["wherry", "runc", "crun"])
def test_what_is_written_is_thrown_away(wherry: Engine, other: str, runtime: str) -> None:
    if runtime != "wherry" and shutil.which(runtime) is None:
        pytest.skip(f"{runtime} is not installed")
    words = ("run", "--rm", "--runtime", runtime, "--mount", mount(other), "busybox", "sh", "-c")
    for _ in range(2):
        assert wherry.output(*words, LOOK).splitlines() == ["5 6", "content", "new"]
    assert wherry.output(*words, "ls /i/new 2>&1; true").endswith("No such file or directory")


def test_read_only_and_in_a_user_namespace(wherry: Engine, other: str) -> None:
    words = ("run", "--rm", "--mount", mount(other, "readonly"), "busybox", "sh", "-c", LOOK)
    done = wherry.docker(*words)
    assert b"Read-only file system" in done.stderr
    host = {
        "UsernsMode": "auto",
        "NetworkMode": "none",
        "Mounts": [{"Type": "image", "Source": other, "Target": "/i"}],
    }
    body = {"Image": "busybox", "Cmd": ["sh", "-c", LOOK], "HostConfig": host}
    with wherry.connect() as api:
        id = api.request("POST", "/containers/create", body).json()["Id"]
    wherry.output("start", id)
    wherry.output("wait", id)
    assert wherry.output("logs", id).splitlines() == ["5 6", "content", "new"]
    wherry.output("rm", id)


def test_a_part(wherry: Engine, other: str) -> None:
    words = ("run", "--rm", "--mount", mount(other, "image-subpath=part"), "busybox")
    done = wherry.docker(*words, "cat", "/i/file")
    if b"invalid argument" in done.stderr:
        pytest.skip("parts of detached mounts need Linux 6.15")
    assert done.stdout == b"deep\n", done.stderr
    done = wherry.docker(*words[:2], "--mount", mount(other, "image-subpath=../x"), "busybox")
    assert b"subpath must be a relative path" in done.stderr


def test_the_image_is_in_use_and_the_layer_stays(wherry: Engine, other: str) -> None:
    name = f"c-{uuid4().hex[:8]}"
    script = "test -e /i/new && exit 4; touch /i/new; sleep 1000"
    words = ("--name", name, "--mount", mount(other), "busybox", "sh", "-c", script)
    wherry.output("run", "-d", *words)
    assert b"container" in wherry.docker("rmi", other).stderr
    shown = "{{range .Mounts}}{{.Type}} {{.Source}} {{.Destination}} {{.RW}}{{end}}"
    assert wherry.output("inspect", "--format", shown, name) == f"image {other} /i true"
    wherry.output("exec", name, "sh", "-c", "until test -e /i/new; do sleep 0.05; done")
    wherry.kill(signal.SIGKILL)
    wherry.start()
    wherry.output("restart", "-t", "0", name)
    assert wherry.output("wait", name) == "4"
    wherry.output("rm", name)


def test_an_image_that_is_not_there(wherry: Engine) -> None:
    done = wherry.docker("run", "--rm", "--mount", mount("no-such-image"), "busybox", "true")
    assert done.returncode == 125
    assert b"no-such-image" in done.stderr
    assert b"Unable to find image" not in done.stderr
