"""An engine in the guest, asked by `wherry`: there is no docker command line."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import images
from tests.engines import Wherry


class Guest(Wherry):
    """An engine that is asked by `wherry` instead of the docker command line."""

    def say(self, *words: str, stdin: bytes = b"", status: int = 0) -> str:
        """Run a command of `wherry` that must end with `status`; its output, errors included."""
        done = subprocess.run(
            ["wherry", *words], input=stdin, capture_output=True, timeout=120, env=self.environment
        )
        text = (done.stdout + done.stderr).decode().strip()
        assert done.returncode == status, (words, done.returncode, text)
        return text

    def inspect(self, name: str) -> Any:
        """What `inspect` knows of a container."""
        return json.loads(self.say("inspect", name))[0]

    def cgroup(self, name: str) -> Path:
        """The container's directory."""
        return Path(f"/sys/fs/cgroup{self.cgroup_parent}/{self.inspect(name)['Id']}")


@contextmanager
def started() -> Iterator[Guest]:
    """An engine with the busybox image, which leaves nothing behind."""
    made = Guest(Path(tempfile.mkdtemp(prefix="w-", dir="/tmp")))
    made.start()
    try:
        made.say("load", stdin=images.busybox_archive())
        yield made
    finally:
        made.stop()
    assert not Path(f"/sys/fs/cgroup{made.cgroup_parent}").exists()
    made.remove()
