"""A plan becomes a process with everything that the spec asked for."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import pytest

from tests.root.runtime.driver import CAPABILITIES, SETS, Driver, spec
from wherry.kernel import seccomp
from wherry.runtime.plan import CgroupPlace
from wherry.spec import seccomp as profile


def status(output: str) -> dict[str, str]:
    """/proc/PID/status as a table."""
    return {
        key: value.strip()
        for key, _, value in (line.partition(":") for line in output.splitlines())
    }


def test_streams_and_exit_status(driver: Driver) -> None:
    result = driver.run(spec("sh", "-c", "cat; echo err >&2; exit 7"), stdin=b"hello")
    assert (result.output, result.stderr, os.waitstatus_to_exitcode(result.status)) == (
        "hello",
        "err\n",
        7,
    )


def test_killed_by_signal(driver: Driver) -> None:
    container = driver.start(spec("sleep", "1000"))
    container.kill()
    assert os.waitstatus_to_exitcode(container.finish().status) == -9


def test_is_pid_1_with_own_names(driver: Driver) -> None:
    wanted = spec("sh", "-c", "echo $$; hostname; dnsdomainname; cat /proc/sys/kernel/domainname")
    wanted["domainname"] = "example.test"
    lines = driver.run(wanted).output.split()
    assert lines[:2] == ["1", "box"]
    assert lines[-1] == "example.test"


def test_no_descriptor_of_the_engine_is_open(driver: Driver) -> None:
    # The third link to something is the directory that ls itself reads.
    result = driver.run(spec("sh", "-c", "ls -l /proc/self/fd | grep -c ' -> '"))
    assert result.output == "3\n"
    container = driver.start(spec("sleep", "1000"))
    assert sorted(os.listdir(f"/proc/{container.pid}/fd")) == ["0", "1", "2"]
    container.kill()
    container.finish()


def test_mounts_are_those_of_the_plan(driver: Driver) -> None:
    table = driver.run(spec("cat", "/proc/self/mountinfo")).output
    points = [line.split()[4] for line in table.splitlines()]
    assert points[:7] == ["/", "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys"]
    assert str(driver.directory) not in "".join(line.split(" - ")[0] for line in table.splitlines())


def test_masked_and_read_only_paths(driver: Driver) -> None:
    script = (
        "cat /proc/keys /proc/timer_list | wc -c; ls /sys/firmware | wc -l; "
        "echo 1 > /proc/sys/kernel/panic; touch /sys/x"
    )
    result = driver.run(spec("sh", "-c", script))
    assert result.output.split() == ["0", "0"]
    assert result.stderr.count("Read-only file system") == 2


def test_read_only_root(driver: Driver) -> None:
    wanted = spec("sh", "-c", "touch /x; touch /dev/shm/y && pwd", cwd="/new/place")
    wanted["root"] = {"readonly": True}
    result = driver.run(wanted)
    assert "Read-only file system" in result.stderr
    assert result.output == "/new/place\n"


def test_devices(driver: Driver) -> None:
    wanted = spec(
        "sh",
        "-c",
        "stat -c '%n %t:%T %a' /dev/null /dev/tty /dev/net/tun; readlink /dev/ptmx;"
        " readlink /dev/fd; echo x > /dev/null; head -c 4 /dev/zero | wc -c",
    )
    wanted["linux"]["devices"] = [
        {"path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200, "fileMode": 0o640}
    ]
    assert driver.run(wanted).output.splitlines() == [
        "/dev/null 1:3 666",
        "/dev/tty 5:0 666",
        "/dev/net/tun a:c8 640",
        "pts/ptmx",
        "/proc/self/fd",
        "4",
    ]


def test_capabilities_of_root_and_of_a_user(driver: Driver) -> None:
    found = status(driver.run(spec("cat", "/proc/self/status")).output)
    assert found["CapEff"] == found["CapPrm"] == found["CapBnd"] == "00000000a80425fb"
    assert found["CapInh"] == found["CapAmb"] == "0" * 16
    user = status(driver.run(spec("cat", "/proc/self/status"), user="ann").output)
    assert user["CapEff"] == user["CapPrm"] == "0" * 16
    assert user["CapBnd"] == "00000000a80425fb"


def test_ambient_capabilities_reach_a_user(driver: Driver) -> None:
    sets = {name: ["CAP_NET_RAW"] for name in (*SETS, "inheritable", "ambient")}
    wanted = spec("cat", "/proc/self/status", capabilities=sets)
    found = status(driver.run(wanted, user="ann").output)
    assert {found[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {
        "0000000000002000"
    }


def test_no_new_privileges_and_seccomp(driver: Driver) -> None:
    rules = profile.resolve(
        profile.default_profile(),
        CAPABILITIES,
        platform.machine(),
        profile.kernel_version(platform.release()),
    )
    program = seccomp.compile(rules)
    script = "cat /proc/self/status; unshare -m true"
    result = driver.run(spec("sh", "-c", script, noNewPrivileges=True), seccomp=program)
    found = status(result.output)
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    assert "Operation not permitted" in result.stderr
    plain = driver.run(spec("cat", "/proc/self/status"), user="ann", seccomp=program)
    assert status(plain.output)["Seccomp"] == "2"


def test_loopback_is_up(driver: Driver) -> None:
    script = "cat /sys/class/net/lo/flags; ping -c 1 127.0.0.1 > /dev/null && echo pong"
    assert driver.run(spec("sh", "-c", script)).output == "0x9\npong\n"


def test_limits_umask_oom_score_and_sysctl(driver: Driver) -> None:
    wanted = spec(
        "sh",
        "-c",
        "ulimit -n; umask; cd /proc; cat self/oom_score_adj"
        " sys/net/ipv4/ip_unprivileged_port_start",
        rlimits=[{"type": "RLIMIT_NOFILE", "soft": 333, "hard": 444}],
        oomScoreAdj=500,
        user={"uid": 0, "gid": 0, "umask": 0o27},
    )
    wanted["linux"]["sysctl"] = {"net.ipv4.ip_unprivileged_port_start": "77"}
    assert driver.run(wanted).output.split() == ["333", "0027", "500", "77"]


def test_cgroup_is_joined_and_all_that_is_seen(driver: Driver) -> None:
    container = driver.start(spec("sh", "-c", "cat /proc/self/cgroup; ls /sys/fs/cgroup; read x"))
    assert container.pid in container.cgroup.pids()
    result = container.finish(b"\n")
    assert {line.split(":")[2] for line in result.output.splitlines() if ":" in line} == {"/"}


def test_cgroup_of_the_host_namespace_is_bound(driver: Driver) -> None:
    if not driver.hierarchies.v1:
        pytest.skip("needs cgroup v1")
    wanted = spec("sh", "-c", "cat /sys/fs/cgroup/pids/tasks; cat /proc/self/cgroup")
    wanted["linux"]["namespaces"] = [
        row for row in wanted["linux"]["namespaces"] if row["type"] != "cgroup"
    ]
    result = driver.run(wanted)
    assert result.stderr == ""
    assert len(result.output.split("\n")[0]) > 0
    assert "/wherry-test-" in result.output


def test_shared_and_joined_namespaces(driver: Driver) -> None:
    first = driver.start(spec("sleep", "1000"))
    wanted = spec("sh", "-c", "for n in net uts ipc; do readlink /proc/self/ns/$n; done; ps")
    wanted.pop("hostname")
    fds = [os.open(f"/proc/{first.pid}/ns/{name}", os.O_RDONLY) for name in ("net", "pid")]
    wanted["linux"]["namespaces"] = [
        {"type": "mount"},
        {"type": "network", "path": ("fd", 0)},
        {"type": "pid", "path": ("fd", 1)},
        {"type": "ipc", "path": f"/proc/{first.pid}/ns/ipc"},
    ]
    result = driver.run(wanted, fds=fds)
    net, uts, ipc, *processes = result.output.splitlines()
    assert net == os.readlink(f"/proc/{first.pid}/ns/net")
    assert ipc == os.readlink(f"/proc/{first.pid}/ns/ipc")
    assert uts == os.readlink("/proc/self/ns/uts")
    assert any("sleep 1000" in line for line in processes)
    for fd in fds:
        os.close(fd)
    # The launcher came home again.
    launcher = f"/proc/{driver.launcher.pid}/ns"
    assert os.readlink(f"{launcher}/net") == os.readlink("/proc/self/ns/net")
    assert os.readlink(f"{launcher}/pid_for_children") == os.readlink("/proc/self/ns/pid")


def test_user_namespace(driver: Driver) -> None:
    wanted = spec(
        "sh",
        "-c",
        "id -u; cat /proc/self/uid_map; touch /tmp/made;"
        " echo x > /dev/null && stat -c %u /dev/null;"
        " mount | grep -c cgroup; ping -c1 127.0.0.1 > /dev/null && echo pong",
    )
    wanted["linux"]["namespaces"].append({"type": "user"})
    for name in ("uidMappings", "gidMappings"):
        wanted["linux"][name] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    # The directory must be reachable for the mapped root, and its upper layer its own.
    for path in [driver.directory, *driver.directory.parents]:
        if str(path).startswith("/tmp/"):
            path.chmod(path.stat().st_mode | 0o055)
    root = driver.overlay("mapped")
    os.chown(driver.directory / "mapped/upper", 100000, 100000)
    subprocess.run(["chown", "-R", "100000:100000", driver.rootfs], check=True)
    result = driver.run(wanted, rootfs=root)
    assert result.error == {}, result.error
    lines = result.output.split("\n")
    assert lines[0] == "0"
    assert lines[1].split() == ["0", "100000", "65536"]
    assert lines[2] == "0"
    assert lines[4] == "pong"
    assert (driver.directory / "mapped/upper/tmp/made").stat().st_uid == 100000


def test_time_namespace(driver: Driver) -> None:
    wanted = spec("cat", "/proc/uptime")
    wanted["linux"]["namespaces"].append({"type": "time"})
    wanted["linux"]["timeOffsets"] = {"boottime": {"secs": 10_000_000, "nanosecs": 0}}
    result = driver.run(wanted)
    assert result.error == {}
    assert float(result.output.split()[0]) > 10_000_000
    again = driver.run(spec("cat", "/proc/uptime"))
    assert float(again.output.split()[0]) < 10_000_000


def test_terminal(driver: Driver) -> None:
    script = "tty; stat -c %a /dev/console; ls -l /proc/self/fd/0 | sed 's/.*> //'; ps -o tty,pid"
    result = driver.start(spec("sh", "-c", script), terminal=True).finish()
    lines = result.output.replace("\r", "").splitlines()
    assert lines[0] == "/dev/pts/0"
    assert lines[2] == "/dev/pts/0"
    assert any(line.split() == ["136,0", "1"] for line in lines)


def test_streams_that_are_not_given_are_the_null_device(driver: Driver) -> None:
    script = "readlink /proc/self/fd/0; cat; echo unheard >&2"
    result = driver.start(spec("sh", "-c", script), streams=(1,)).finish()
    assert (result.output, result.stderr, result.status) == ("/dev/null\n", "", 0)


def test_many_layers(driver: Driver, tmp_path: Path) -> None:
    layers = []
    for number in range(127):
        layer = tmp_path / "layers" / f"{number:064x}" / "diff"
        layer.mkdir(parents=True)
        (layer / f"file{number}").touch()
        layers.append(layer)
    root = driver.overlay()
    root[0].options[:0] = [f"lowerdir+={layer}" for layer in layers]
    result = driver.run(spec("sh", "-c", "ls -d /file* | wc -l"), rootfs=root)
    assert result.output == "127\n"


def test_a_directory_as_root(driver: Driver) -> None:
    result = driver.run(spec("sh", "-c", "touch /here; pwd"), rootfs=str(driver.rootfs))
    assert result.output == "/\n"
    assert (driver.rootfs / "here").exists()


def test_nothing_is_left_behind(driver: Driver) -> None:
    def holdings() -> tuple[int, int, int]:
        launcher = f"/proc/{driver.launcher.pid}"
        return (
            Path("/proc/self/mountinfo").read_text().count(str(driver.directory)),
            len(os.listdir(f"{launcher}/fd")),
            len(Path(f"{launcher}/mountinfo").read_text().splitlines()),
        )

    driver.run(spec("true"))
    before = holdings()
    driver.run(spec("true"))
    driver.run(spec("missing"))
    driver.run(spec("true"), rootfs="/does/not/exist")
    driver.run(spec("true", cwd="/etc/passwd"))
    assert holdings() == before


def test_place_without_cgroup_is_fine() -> None:
    assert CgroupPlace().tasks == []
