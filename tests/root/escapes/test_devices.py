"""Device nodes: whoever opens the host's disk or memory owns the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines import Engine
from tests.root.escapes import attempt
from tests.root.runtime.driver import SETS, Driver, spec
from wherry.kernel.capability import NAMES

_NODES = {"memory": "c 1 1", "ports": "c 1 4", "log": "c 1 11", "loop": "b 7 0", "fuse": "c 10 229"}


def disk() -> str:
    """mknod's words for a block device of this machine."""
    for device in sorted(Path("/sys/block").glob("*/dev")):
        return "b " + device.read_text().strip().replace(":", " ")
    pytest.skip("this machine has no block device")


def probe(node: str) -> str:
    """Make the node and open it for reading, without reading; the kernel's words otherwise."""
    return f"mknod /tmp/node {node} && (: < /tmp/node) && echo OPEN; echo done"


@pytest.mark.parametrize("rights", [[], ["--cap-add", "ALL"], ["--user", "1000"]], ids=" ".join)
@pytest.mark.parametrize("name", [*_NODES, "disk"])
def test_node_cannot_be_opened(wherry: Engine, name: str, rights: list[str]) -> None:
    node = _NODES.get(name) or disk()
    output = attempt.run(wherry, probe(node), *rights)
    assert "OPEN" not in output and output.split()[0] == "done", output
    assert "Operation not permitted" in output, output


def test_exec_has_the_same_devices(wherry: Engine) -> None:
    with attempt.running(wherry, "sleep 1000") as name:
        words = ("exec", "--privileged", name, "sh", "-c", probe(disk()))
        done = wherry.docker(*words)
    assert b"OPEN" not in done.stdout and b"Operation not permitted" in done.stderr, done


def test_node_in_the_image(wherry: Engine) -> None:
    """An image may bring nodes along; they open as little as those that are made."""
    info = attempt.link("node", "")
    info.type, info.mode = b"4", 0o666
    info.devmajor, info.devminor = map(int, disk().split()[1:])
    with attempt.trapped_image(wherry, info) as image:
        output = attempt.run(wherry, "(: < /node) && echo OPEN; echo done", image=image)
    assert "OPEN" not in output and "Operation not permitted" in output


def test_node_in_a_volume_is_none_to_the_next_container(wherry: Engine) -> None:
    with attempt.running(wherry, "mknod /v/node c 1 11; sleep 1000", "--volume", "/v") as name:
        wherry.output("exec", name, "sh", "-c", "until [ -e /v/node ]; do sleep 0.02; done")
        words = ("--volumes-from", name)
        output = attempt.run(wherry, "(: < /v/node) && echo OPEN; echo done", *words)
    assert "OPEN" not in output and "done" in output


def test_without_the_cgroup_it_would_open(driver: Driver) -> None:
    """Shows that the attempt is one: the same rights in a cgroup without device rules."""
    everything = {name: list(NAMES) for name in SETS}
    rules = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "access": "m"}]
    script = probe("c 1 11")  # the kernel's log: it opens on every machine
    refused = spec("sh", "-c", script, capabilities=everything)
    refused["linux"]["resources"] = {"devices": rules}
    assert "OPEN" not in driver.run(refused).output
    assert "OPEN" in driver.run(spec("sh", "-c", script, capabilities=everything)).output
