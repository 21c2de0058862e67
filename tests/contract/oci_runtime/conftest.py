"""Each test runs with runc first: what the reference does not pass proves nothing about ours."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.oci_runtime.runtimes import PROGRAMS, Runtime, why_not
from wherry.kernel.process import prctl


@pytest.fixture(params=list(PROGRAMS))
def runtime(request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """A runtime with a container id and bundle of its own; everything must be gone afterwards."""
    if reason := why_not(request.param):
        pytest.skip(reason)
    # Not tmp_path: a console socket's path is limited to 108 bytes (unix(7)).
    directory = Path(tempfile.mkdtemp(prefix="oci-", dir="/tmp"))
    made = Runtime(request.param, directory)
    yield made
    made.call("delete", "--force", made.id)
    left = made.left_behind()
    made.cgroup().remove()
    shutil.rmtree(directory)
    assert left == []


@pytest.fixture
def subreaper() -> Iterator[None]:
    """Be the parent of containers whose creator has ended, as conmon and containerd's shim are."""
    pr_set_child_subreaper = 36
    prctl(pr_set_child_subreaper, 1)
    yield
    prctl(pr_set_child_subreaper, 0)
