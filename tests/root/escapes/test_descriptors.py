"""Descriptors of the engine that a container inherits, or reaches by its working directory."""

from __future__ import annotations

from tests.engines import Engine
from tests.root.escapes import attempt
from tests.root.runtime.driver import Driver, spec

_HIGHEST = 24
"""Our launcher holds far fewer descriptors than this when a container starts."""


def test_first_process_has_its_streams_only(wherry: Engine) -> None:
    # Without `true` the shell would become `ls`, which holds the directory that it lists.
    assert attempt.run(wherry, "ls -1 /proc/1/fd; true").split() == ["0", "1", "2"]


def test_exec_has_its_streams_only(wherry: Engine) -> None:
    with attempt.running(wherry, "sleep 1000") as name:
        listing = wherry.output("exec", name, "sh", "-c", "ls -1 /proc/$$/fd; true")
    assert listing.split() == ["0", "1", "2"]


def test_start_in_a_leaked_directory(wherry: Engine) -> None:
    """CVE-2024-21626: the working directory is a descriptor of the runtime."""
    for number in range(3, _HIGHEST):
        directory = f"/proc/self/fd/{number}"
        words = ("run", "--rm", "--network", "none", "--workdir", directory)
        done = wherry.docker(*words, "busybox", "cat", "../../../etc/hostname")
        assert done.returncode >= 125, (number, done)
        assert b"chdir to cwd" in done.stderr, (number, done)


def test_exec_in_a_leaked_directory(wherry: Engine) -> None:
    """CVE-2024-21626 by exec, and through a link that the image's owner made."""
    with attempt.running(wherry, "ln -s /proc/self/fd /descriptors; sleep 1000") as name:
        wherry.output("exec", name, "sh", "-c", "until [ -L /descriptors ]; do sleep 0.02; done")
        for number in range(3, _HIGHEST):
            for directory in (f"/proc/self/fd/{number}", f"/descriptors/{number}"):
                done = wherry.docker("exec", "--workdir", directory, name, "pwd")
                assert done.returncode >= 125, (directory, done)


def test_not_even_where_nothing_is_closed(driver: Driver) -> None:
    """The second wall alone: a plan without the closing, and all that the launcher holds is gone
    with execve."""
    script = "ls -1 /proc/$$/fd; true"
    kept = driver.run(spec("sh", "-c", script), preserve_fds=_HIGHEST)
    assert kept.output.split() == ["0", "1", "2"]
