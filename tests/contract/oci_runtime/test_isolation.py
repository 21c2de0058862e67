"""What a container sees, and what it may do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.contract.oci_runtime.runtimes import Runtime
from wherry.kernel.namespace import write_id_maps
from wherry.spec import seccomp


def test_names_and_environment(runtime: Runtime) -> None:
    runtime.bundle.spec["hostname"] = "boat"
    runtime.bundle.process["env"] += ["COLOUR=red"]
    runtime.bundle.process["cwd"] = "/tmp"
    assert runtime.run("hostname; echo $COLOUR; pwd").split() == ["boat", "red", "/tmp"]


def test_home_is_looked_up(runtime: Runtime) -> None:
    runtime.bundle.process["user"] = {"uid": 1000, "gid": 1000}
    assert runtime.run("echo $HOME") == "/tmp\n"


def test_user_and_groups(runtime: Runtime) -> None:
    runtime.bundle.process["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [5, 6]}
    uid, gid, groups = runtime.run("id -u; id -g; id -G").splitlines()
    assert (uid, gid) == ("1000", "1001")
    assert set(groups.split()) == {"1001", "5", "6"}


def test_umask(runtime: Runtime) -> None:
    runtime.bundle.process["user"] = {"uid": 0, "gid": 0, "umask": 0o77}
    assert runtime.run("umask") == "0077\n"


def test_own_processes_only(runtime: Runtime) -> None:
    assert runtime.run("ps -o pid,comm; true").splitlines()[1].split() == ["1", "sh"]


@pytest.mark.parametrize("kind", ["pid", "network", "ipc", "uts", "mount", "cgroup"])
def test_own_namespaces(runtime: Runtime, kind: str) -> None:
    name = {"network": "net", "mount": "mnt"}.get(kind, kind)
    inside = runtime.run(f"readlink /proc/self/ns/{name}").strip()
    assert inside != os.readlink(f"/proc/self/ns/{name}")


@pytest.mark.parametrize("kind", ["network", "ipc", "uts"])
def test_a_namespace_by_path(runtime: Runtime, kind: str) -> None:
    name = {"network": "net"}.get(kind, kind)
    flag = {"network": "-n", "ipc": "-i", "uts": "-u"}[kind]
    holder = subprocess.Popen(
        ["unshare", flag, "sh", "-c", "echo made; exec sleep 60"], stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        path = f"/proc/{holder.pid}/ns/{name}"
        runtime.bundle.spec.pop("hostname")
        runtime.bundle.namespace(kind, path)
        wanted = os.readlink(path)
        assert runtime.run(f"readlink /proc/self/ns/{name}").strip() == wanted
    finally:
        holder.kill()
        holder.communicate()


def test_user_namespace(runtime: Runtime) -> None:
    runtime.bundle.namespace("user")
    maps = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    runtime.bundle.linux |= {"uidMappings": maps, "gidMappings": maps}
    subprocess.run(["chown", "-R", "100000:100000", str(runtime.bundle.rootfs)], check=True)
    # The mapped root must get to its root file system through our private directories.
    runtime.directory.chmod(0o755)
    script = "id -u; awk '{print $1,$2,$3}' /proc/self/uid_map; stat -c %u /bin/busybox"
    assert runtime.run(script).split() == ["0", "0", "100000", "65536", "0"]


def test_join_a_user_namespace(runtime: Runtime) -> None:
    """Of somebody else's making; what is new in the container belongs to it."""
    command = ["unshare", "--user", "sh", "-c", "echo made; exec sleep 60"]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        write_id_maps(holder.pid, b"0 100000 65536\n", b"0 100000 65536\n")
        path = f"/proc/{holder.pid}/ns/user"
        runtime.bundle.namespace("user", path)
        # runc 1.1 wants to be told what the namespace's maps are anyway.
        maps = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        runtime.bundle.linux |= {"uidMappings": maps, "gidMappings": maps}
        subprocess.run(["chown", "-R", "100000:100000", str(runtime.bundle.rootfs)], check=True)
        runtime.directory.chmod(0o755)
        script = "readlink /proc/self/ns/user; id -u; stat -c %u /bin/busybox /dev; echo >/dev/null"
        assert runtime.run(script).split() == [os.readlink(path), "0", "0", "0"]
    finally:
        holder.kill()
        holder.communicate()


def test_the_host_is_out_of_reach(runtime: Runtime) -> None:
    (runtime.directory / "secret").write_text("x")
    outside = str(runtime.directory / "secret")
    seen = [f"cat {root}{outside} 2>/dev/null || echo none" for root in ("", "/proc/1/root")]
    script = "; ".join(seen)
    assert runtime.run(script) == "none\nnone\n"


def test_read_only_root(runtime: Runtime) -> None:
    assert runtime.run("touch /x 2>/dev/null || echo refused") == "refused\n"


def test_writable_root(runtime: Runtime) -> None:
    runtime.bundle.spec["root"]["readonly"] = False
    runtime.run("echo kept >/tmp/file")
    assert (runtime.bundle.rootfs / "tmp" / "file").read_text() == "kept\n"


def test_masked_paths(runtime: Runtime) -> None:
    runtime.bundle.linux["maskedPaths"] = ["/proc/kcore", "/sys/firmware", "/proc/no/such"]
    script = "head -c 1 /proc/kcore | wc -c; ls /sys/firmware | wc -l"
    assert runtime.run(script).split() == ["0", "0"]


def test_read_only_paths(runtime: Runtime) -> None:
    script = "echo 1 >/proc/sys/net/ipv4/ip_forward 2>/dev/null || echo refused"
    assert runtime.run(script) == "refused\n"


def test_sysctl(runtime: Runtime) -> None:
    runtime.bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "9000"}
    script = "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax"
    assert runtime.run(script).split() == ["1", "9000"]


def test_capabilities(runtime: Runtime) -> None:
    runtime.bundle.process["capabilities"] = {
        "bounding": ["CAP_CHOWN", "CAP_KILL"],
        "permitted": ["CAP_KILL"],
        "effective": ["CAP_KILL"],
    }
    lines = runtime.run("grep Cap /proc/self/status").splitlines()
    caps = {line.split()[0]: int(line.split()[1], 16) for line in lines}
    chown, kill = 1 << 0, 1 << 5
    assert caps["CapBnd:"] == chown | kill
    # root's exec gains what is in the bounding set; sh was executed after the sets were made
    assert caps["CapInh:"] == caps["CapAmb:"] == 0
    assert caps["CapEff:"] & ~(chown | kill) == 0


def test_ambient_capabilities_of_a_user(runtime: Runtime) -> None:
    sets = ("bounding", "permitted", "effective", "inheritable", "ambient")
    runtime.bundle.process["capabilities"] = {name: ["CAP_KILL"] for name in sets}
    runtime.bundle.process["user"] = {"uid": 1000, "gid": 1000}
    lines = runtime.run("grep Cap /proc/self/status").splitlines()
    assert {int(line.split()[1], 16) for line in lines} == {1 << 5}


def test_no_new_privileges(runtime: Runtime) -> None:
    assert runtime.run("grep NoNewPrivs /proc/self/status").split() == ["NoNewPrivs:", "1"]


def test_rlimits(runtime: Runtime) -> None:
    runtime.bundle.process["rlimits"] = [
        {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
    ]
    assert runtime.run("ulimit -Sn; ulimit -Hn; ulimit -c").split() == ["100", "200", "0"]


def test_oom_score(runtime: Runtime) -> None:
    runtime.bundle.process["oomScoreAdj"] = 300
    assert runtime.run("cat /proc/self/oom_score_adj") == "300\n"


def test_seccomp(runtime: Runtime) -> None:
    runtime.bundle.spec["root"]["readonly"] = False
    runtime.bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
            {"names": ["unlink", "unlinkat"], "action": "SCMP_ACT_ERRNO"},
        ],
    }
    script = "mkdir /tmp/x 2>&1; touch /tmp/y; rm /tmp/y 2>&1; grep Seccomp: /proc/self/status"
    output = runtime.run(script)
    assert "Permission denied" in output
    assert "Operation not permitted" in output
    assert output.split()[-1] == "2"


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_dockers_seccomp_profile(runtime: Runtime, no_new_privileges: bool) -> None:
    kernel = seccomp.kernel_version(os.uname().release)
    profile = seccomp.resolve(seccomp.default_profile(), (), os.uname().machine, kernel)
    runtime.bundle.linux["seccomp"] = profile
    runtime.bundle.process["noNewPrivileges"] = no_new_privileges
    output = runtime.run("ls / >/dev/null && echo works; chroot / true 2>&1 || true")
    assert output.startswith("works\n")
    assert "Operation not permitted" in output


def test_standard_devices(runtime: Runtime) -> None:
    script = (
        "head -c 3 /dev/zero | wc -c; echo x >/dev/null; head -c 2 /dev/urandom | wc -c;"
        " for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done"
    )
    lines = runtime.run(script).split()
    assert lines[:2] == ["3", "2"]
    assert lines[2:6] == ["/proc/self/fd", *(f"/proc/self/fd/{n}" for n in range(3))]
    assert lines[6].endswith("pts/ptmx")


def test_further_devices(runtime: Runtime) -> None:
    device = {"path": "/dev/boat", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640}
    runtime.bundle.linux["devices"] = [{**device, "uid": 0, "gid": 7}]
    script = "head -c 4 /dev/boat | wc -c; stat -c '%a %g %t:%T' /dev/boat"
    assert runtime.run(script).split() == ["4", "640", "7", "1:5"]


def test_device_rules(runtime: Runtime) -> None:
    runtime.bundle.process["capabilities"]["effective"] = ["CAP_MKNOD"]
    runtime.bundle.spec["root"]["readonly"] = False
    script = "mknod /dev/kmsg2 c 1 11 && dd if=/dev/kmsg2 of=/dev/null count=0 2>&1 || echo refused"
    assert "not permitted" in runtime.run(script)


def test_mounts(runtime: Runtime) -> None:
    source = runtime.directory / "data"
    (source / "sub").mkdir(parents=True)
    (source / "file").write_text("content\n")
    runtime.bundle.spec["mounts"] += [
        {"destination": "/data", "type": "bind", "source": str(source), "options": ["rbind", "ro"]},
        {
            "destination": "/etc/one",
            "type": "bind",
            "source": str(source / "file"),
            "options": ["bind"],
        },
        {
            "destination": "/scratch",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "size=1m", "mode=700"],
        },
    ]
    runtime.bundle.spec["root"]["readonly"] = False
    script = (
        "cat /data/file; touch /data/x 2>/dev/null || echo refused; cat /etc/one;"
        " stat -c %a /scratch; grep ' /scratch ' /proc/mounts"
    )
    lines = runtime.run(script).splitlines()
    assert lines[:4] == ["content", "refused", "content", "700"]
    assert "nosuid" in lines[4]
    assert "size=1024k" in lines[4]


def test_relative_bind_sources_are_the_bundles(runtime: Runtime) -> None:
    (runtime.bundle.path / "here").write_text("found\n")
    runtime.bundle.spec["mounts"].append(
        {"destination": "/tmp/it", "type": "bind", "source": "here", "options": ["bind"]}
    )
    runtime.bundle.spec["root"]["readonly"] = False
    assert runtime.run("cat /tmp/it") == "found\n"


def test_cgroup_mount(runtime: Runtime) -> None:
    runtime.bundle.linux["resources"] |= {"pids": {"limit": 44}}
    script = "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null | head -n 1"
    assert runtime.run(script) == "44\n"


def test_loopback_is_up(runtime: Runtime) -> None:
    assert runtime.run("cat /sys/class/net/lo/flags").strip() == "0x9"


def test_own_session_keyring(runtime: Runtime) -> None:
    runtime.bundle.linux["maskedPaths"] = []
    output = runtime.run("cat /proc/keys 2>/dev/null")
    assert f"_ses.{runtime.id}" in output or not output


def test_working_directory_is_made(runtime: Runtime) -> None:
    runtime.bundle.spec["root"]["readonly"] = False
    runtime.bundle.process["cwd"] = "/new/place"
    assert runtime.run("pwd") == "/new/place\n"


def test_the_hosts_interpreter_is_safe(runtime: Runtime) -> None:
    """A container that runs /proc/self/exe and then opens it for writing (CVE-2019-5736)."""
    runtime.bundle.spec["root"]["readonly"] = False
    runtime.bundle.process["args"] = ["/proc/self/exe", "--version"]
    runtime.bundle.write()
    before = [Path(path).stat().st_mtime_ns for path in (runtime.program, "/usr/bin/python3")]
    runtime.call("run", "--bundle", str(runtime.bundle.path), runtime.id)
    after = [Path(path).stat().st_mtime_ns for path in (runtime.program, "/usr/bin/python3")]
    assert before == after


def test_signals_have_their_default_meaning(runtime: Runtime) -> None:
    """A runtime in Python or Go must not pass on what it ignores itself."""
    runtime.bundle.process["args"] = ["grep", "SigIgn", "/proc/self/status"]
    assert runtime.run().split() == ["SigIgn:", "0" * 16]
