"""The device program of version 2, attached to a real unified cgroup (a hybrid one will do)."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator

import pytest

from wherry.kernel import bpf
from wherry.kernel.cgroup import device_rules, hierarchy
from wherry.kernel.cgroup.v2 import devices

TREE = hierarchy.detect().v2
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="cgroups need root"),
    pytest.mark.skipif(TREE is None, reason="no version 2 tree is mounted"),
]


@pytest.fixture
def directory() -> Iterator[str]:
    assert TREE is not None
    path = TREE.directory(f"/wherry-test-{uuid.uuid4().hex[:8]}")
    os.mkdir(path)
    yield path
    os.rmdir(path)


def opens(directory: str, device: str) -> bool:
    """Whether a process in the cgroup can open the device for reading."""

    def enter() -> None:
        with open(f"{directory}/cgroup.procs", "w") as file:
            file.write("0")

    command = ["dd", f"if={device}", "of=/dev/null", "count=0"]
    done = subprocess.run(command, preexec_fn=enter, capture_output=True, check=False)
    return done.returncode == 0


def attached(directory: str) -> list[int]:
    fd = os.open(directory, os.O_RDONLY)
    try:
        return bpf.attached(fd, bpf.CGROUP_DEVICE)
    finally:
        os.close(fd)


def test_only_what_is_allowed_can_be_opened(directory: str) -> None:
    rules = [device_rules.DENY_ALL, *device_rules.STANDARD_RULES]
    devices.apply(directory, {"devices": rules})
    assert opens(directory, "/dev/zero")
    assert not opens(directory, "/dev/kmsg")


def test_update_replaces_the_program(directory: str) -> None:
    rules = [device_rules.DENY_ALL, *device_rules.STANDARD_RULES]
    devices.apply(directory, {"devices": rules})
    (first,) = attached(directory)
    devices.apply(directory, {"devices": [{"allow": True, "access": "rwm"}]})
    (second,) = attached(directory)
    assert first != second
    assert opens(directory, "/dev/kmsg")
