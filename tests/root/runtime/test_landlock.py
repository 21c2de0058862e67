"""What rules of Landlock deny, they deny to root with every capability, whatever it tries."""

from __future__ import annotations

from typing import Any

import pytest

from tests.root.runtime.driver import CAPABILITIES, SETS, Driver, spec
from wherry.kernel import landlock

FILES = landlock.handled_files(landlock.abi())
READ = landlock.EXECUTE | landlock.READ_FILE | landlock.READ_DIR
ALL = FILES
MORE = ["CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"]
POWERFUL = {name: [*CAPABILITIES, *MORE] for name in SETS}

pytestmark = pytest.mark.skipif(not landlock.abi(), reason="this kernel has no Landlock")


def rules(*paths: tuple[str, int], ports: Any = (), handled: Any = None) -> dict[str, Any]:
    """An argument of `plan_launch` and `plan_join`."""
    rows = [(path, access, True) for path, access in paths]
    return {"landlock": (handled or (FILES, 0, 0), rows, list(ports))}


USUAL = rules(("/bin", READ), ("/tmp", ALL), ("/proc", READ), ("/dev", ALL))


def said(driver: Driver, script: str, landlocked: Any = None, **process: Any) -> list[str]:
    done = driver.run(spec("sh", "-c", script, **process), **(landlocked or USUAL))
    assert not done.error, done.error
    return (done.output + done.stderr).splitlines()


def test_what_is_allowed_works(driver: Driver) -> None:
    script = (
        "mkdir /tmp/d && echo x >/tmp/d/f && mv /tmp/d/f /tmp/g && cat /tmp/g"
        " && ln -s g /tmp/l && rm -r /tmp/d && : >/dev/null && ls /bin >/dev/null && echo done"
    )
    assert said(driver, script) == ["x", "done"]


@pytest.mark.parametrize(
    "attempt",
    [
        "cat /etc/passwd",
        "ls /",
        "ls /etc",
        "echo x >/bin/x",
        "rm /bin/sleep",
        ": >/etc/passwd",
        "mkdir /home/d",
        "ln /etc/passwd /tmp/l",
        "mv /etc/passwd /tmp/p",
        "cp /bin/busybox /tmp/b && mv /tmp/b /bin/b",
        "ln -s /etc /tmp/e; cat /tmp/e/passwd",
        "cat /proc/self/root/etc/passwd",
        "cat /proc/1/cwd/etc/passwd",
        "chroot /etc /passwd",
        "mknod /home/sda b 8 0",
    ],
)
def test_what_is_not_is_denied_to_root(driver: Driver, attempt: str) -> None:
    lines = said(driver, f"({attempt}) 2>&1 && echo DONE; echo end", capabilities=POWERFUL)
    assert "DONE" not in lines
    assert "root:x:0" not in " ".join(lines)
    assert lines[-1] == "end"


@pytest.mark.parametrize(
    "trick",
    [
        "mount -t tmpfs x /tmp",
        "mount --bind /etc /tmp",
        "mount -o remount,rw /proc",
        "mount -t proc p /tmp",
        "umount /proc",
        "mkdir /tmp/a /tmp/b; pivot_root /tmp/a /tmp/b",
        "unshare -m mount --bind /etc /tmp",
    ],
)
def test_mounts_do_not_change(driver: Driver, trick: str) -> None:
    """Without the rules the same capabilities are enough (proved on the bind mount)."""
    lines = said(driver, f"({trick}) 2>&1 && echo DONE; echo end", capabilities=POWERFUL)
    assert "DONE" not in lines
    assert lines[-1] == "end"


def test_without_the_wall_the_tricks_work(driver: Driver) -> None:
    script = "mount --bind /etc /tmp && cat /tmp/passwd | head -n 1"
    done = driver.run(spec("sh", "-c", script, capabilities=POWERFUL))
    assert done.output.startswith("root:x:0")


def test_exec_is_held_too(driver: Driver) -> None:
    container = driver.start(spec("sleep", "100"), streams=(), **USUAL)
    process = {"env": ["PATH=/bin"], "cwd": "/", "capabilities": POWERFUL}
    script = "cat /etc/passwd; cat /proc/1/root/etc/passwd; mount --bind /etc /tmp; echo end"
    done = driver.exec(container, {**process, "args": ["sh", "-c", script]}, **USUAL)
    assert done.output.splitlines() == ["end"]
    free = driver.exec(container, {**process, "args": ["cat", "/etc/passwd"]})
    assert free.output.startswith("root:x:0")  # the rules are those of each process
    container.kill()
    container.finish()


def test_another_user_is_held_without_new_privileges(driver: Driver) -> None:
    user = {"uid": 1234, "gid": 1235}
    script = "cat /etc/passwd 2>&1; echo x >/tmp/x; cat /tmp/x"
    for forbidden in (False, True):
        lines = said(driver, script, user=user, noNewPrivileges=forbidden)
        assert lines[-1] == "x"
        assert "Permission denied" in lines[0]


def test_a_program_that_the_rules_deny_is_explained(driver: Driver) -> None:
    done = driver.run(spec("/bin/busybox", "true"), **rules(("/tmp", ALL)))
    assert done.error["step"] == "exec"
    assert "permission denied" in done.error["text"]
    assert "ro:DIRECTORY" in done.error["text"]


def test_nothing_is_executed_where_only_reading_is_allowed(driver: Driver) -> None:
    writable = ("/tmp", ALL & ~landlock.EXECUTE)
    script = "cp /bin/busybox /tmp/sleep; /tmp/sleep 0 && echo DONE; echo end"
    lines = said(driver, script, rules(("/bin", READ), writable))
    assert "DONE" not in lines
    assert "end" in lines


def test_paths_are_real_and_present(driver: Driver) -> None:
    (driver.rootfs / "link").symlink_to("etc")
    for path, words in (("/none", "no such path"), ("/link", "symbolic link")):
        done = driver.run(spec("true"), **rules(("/bin", READ), (path, READ)))
        assert done.error["step"] == "landlock"
        assert words in done.error["text"]
    optional: Any = ((FILES, 0, 0), [("/bin", READ, True), ("/none", READ, False)], [])
    assert not driver.run(spec("true"), landlock=optional).error


def test_a_rule_for_one_file(driver: Driver) -> None:
    allowed = rules(("/bin", READ), ("/etc/group", ALL))
    script = "cat /etc/group | wc -l; cat /etc/passwd 2>&1"
    lines = said(driver, script, allowed)
    assert int(lines[0]) > 1
    assert "Permission denied" in lines[1]


@pytest.mark.skipif(landlock.abi() < landlock.ABI_TCP, reason="this kernel knows no TCP rules")
def test_tcp_ports(driver: Driver) -> None:
    ports = [(80, landlock.BIND_TCP), (80, landlock.CONNECT_TCP)]
    handled = (0, landlock.BIND_TCP | landlock.CONNECT_TCP, 0)
    script = (
        "nc -l -p 81 2>&1; nc 127.0.0.1 81 2>&1; nc -l -p 80 </dev/null & "
        "until nc 127.0.0.1 80 </dev/null 2>/dev/null; do sleep 0.05; done; echo connected"
    )
    lines = said(driver, script, rules(handled=handled, ports=ports))
    assert [line.rpartition(": ")[2] for line in lines] == ["Permission denied"] * 2 + ["connected"]


@pytest.mark.skipif(landlock.abi() < landlock.ABI_SCOPES, reason="this kernel knows no scopes")
def test_signals_stay_inside(driver: Driver) -> None:
    container = driver.start(spec("sleep", "100"), streams=())
    scoped: Any = ((0, 0, landlock.SCOPE_SIGNAL), [], [])
    process = {"env": ["PATH=/bin"], "cwd": "/", "args": ["kill", "-9", "1"]}
    args = ["sh", "-c", "sleep 100 & kill $! && echo own; kill -HUP 1 2>&1"]
    done = driver.exec(container, {**process, "args": args}, landlock=scoped)
    assert done.output.splitlines()[0] == "own"
    assert "not permitted" in done.output + done.stderr
    container.kill()
    container.finish()
