"""A container that takes all it can: processes, memory."""

from __future__ import annotations

from tests.engines import Engine
from tests.root.escapes import attempt

_LIMIT = 24
_FORK_BOMB = (
    "bomb() { while :; do (bomb) & sleep 1000 & done; }; (bomb) >/dev/null 2>&1 & sleep 1000"
)


def test_fork_bomb_is_held(wherry: Engine) -> None:
    """It never has more processes than its limit, and its owner can still end it."""
    with attempt.running(wherry, _FORK_BOMB, "--pids-limit", str(_LIMIT)) as name:
        for _ in range(5):
            processes = wherry.output("top", name, "-o", "pid").splitlines()[1:]
            assert 0 < len(processes) <= _LIMIT
        assert attempt.run(wherry, "echo alive") == "alive\n"  # its neighbours go on


def test_the_limit_is_what_holds_processes(wherry: Engine) -> None:
    """A crowd that is harmless, instead of a bomb, fits into a container without the limit."""
    crowd = f"for i in $(seq {2 * _LIMIT}); do sleep 9 & done; echo all"
    assert "all" in attempt.run(wherry, crowd)
    assert "all" not in attempt.run(wherry, crowd, "--pids-limit", str(_LIMIT))


def test_the_limit_is_what_holds_memory(wherry: Engine) -> None:
    """Half as much again as the limit, to what the host has in plenty."""
    place = ("run", "--rm", "--network", "none", "--tmpfs", "/t:size=32m")
    limits = ("--memory", "16m", "--memory-swap", "16m")
    fill = ("busybox", "dd", "if=/dev/zero", "of=/t/x", "bs=1M", "count=24")
    assert wherry.docker(*place, *fill).returncode == 0
    assert wherry.docker(*place, *limits, *fill).returncode == 137


def test_memory_bomb_is_held_and_recorded(wherry: Engine) -> None:
    limits = ("--memory", "16m", "--memory-swap", "16m")
    with attempt.running(wherry, "x=a; while :; do x=$x$x; done", *limits) as name:
        assert wherry.output("wait", name) == "137"
        state = wherry.output("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", name)
    assert state == "true 137"


def test_memory_bomb_in_a_tmpfs_is_held(wherry: Engine) -> None:
    """Pages of a tmpfs count for the container that writes them."""
    limits = ("--memory", "16m", "--memory-swap", "16m", "--tmpfs", "/t:size=1g")
    with attempt.running(wherry, "exec dd if=/dev/zero of=/t/x bs=1M count=64", *limits) as name:
        assert wherry.output("wait", name) == "137"
        assert wherry.output("inspect", "-f", "{{.State.OOMKilled}}", name) == "true"


def test_shared_memory_has_a_size(wherry: Engine) -> None:
    output = attempt.run(wherry, "dd if=/dev/zero of=/dev/shm/x bs=1M count=2", "--shm-size", "1m")
    assert "No space left on device" in output
