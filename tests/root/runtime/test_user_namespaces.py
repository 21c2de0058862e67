"""Containers in user namespaces: id-mapped layers and volumes, and what belongs to whom."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.root.runtime.driver import Driver, spec
from wherry.kernel import idmapped, namespace
from wherry.kernel.capability import FilesystemIds
from wherry.kernel.namespace import CLONE_NEWNS
from wherry.kernel.process import clone3, wait_pidfd

FIRST, SECOND, SIZE = 200_000, 400_000, 65_536


def mapped(script: str, first: int = FIRST) -> dict[str, Any]:
    """A container in a new user namespace whose 0 is `first` outside."""
    wanted = spec("sh", "-c", script)
    row = [{"containerID": 0, "hostID": first, "size": SIZE}]
    wanted["linux"]["namespaces"].append({"type": "user"})
    wanted["linux"] |= {"uidMappings": row, "gidMappings": row}
    return wanted


@pytest.fixture
def userns() -> Iterator[int]:
    """A user namespace that somebody else made, as a descriptor."""
    id_map = namespace.id_map([(0, FIRST, SIZE)])
    fd = namespace.open_mapped_user_namespace(id_map, id_map)
    yield fd
    os.close(fd)


def joining(script: str) -> dict[str, Any]:
    """A container in the user namespace that travels as the first descriptor."""
    wanted = spec("sh", "-c", script)
    wanted["linux"]["namespaces"].append({"type": "user", "path": ("fd", 0)})
    return wanted


def test_layers_are_shared_by_two_maps(driver: Driver) -> None:
    script = "stat -c '%u %g' /bin/busybox /home/ann /; cat /proc/self/uid_map; cat"
    running = [
        driver.start(mapped(script, first), rootfs=driver.overlay(f"o{first}"), map_root=True)
        for first in (FIRST, SECOND)
    ]
    for container, first in zip(running, (FIRST, SECOND), strict=True):
        assert os.stat(f"/proc/{container.pid}").st_uid == first
        assert os.stat(f"/proc/{container.pid}/root/bin/busybox").st_uid == first
        lines = container.finish().output.splitlines()
        assert lines[:3] == ["0 0", "1234 1235", "0 0"]
        assert lines[3].split() == ["0", str(first), str(SIZE)]
        assert os.listdir(driver.directory / f"o{first}/upper") == []  # nothing was copied
    assert os.stat(driver.rootfs / "bin/busybox").st_uid == 0


def test_what_it_writes_is_kept_in_its_own_ids(driver: Driver) -> None:
    script = (
        "echo x > /made; chown 5:6 /made; echo y >> /etc/passwd; mkdir /tmp/d; rm -r /home/ann;"
        "touch /mine; ln -s a /link; cp /bin/busybox /tmp/s; chmod 4755 /tmp/s; stat -c %u /mine"
    )
    result = driver.run(mapped(script), rootfs=driver.overlay("first"), map_root=True)
    assert (result.output, result.stderr, result.error) == ("0\n", "", {})
    upper = driver.directory / "first/upper"
    facts = (upper / "made").stat()
    assert (facts.st_uid, facts.st_gid) == (5, 6)
    assert (upper / "mine").stat().st_uid == (upper / "etc/passwd").stat().st_uid == 0
    # The same writable layer under another map, and under none.
    again = "stat -c '%u %g' /made; ls /home; tail -n 1 /etc/passwd"
    for wanted in (mapped(again, SECOND), spec("sh", "-c", again)):
        result = driver.run(wanted, rootfs=driver.overlay("first"), map_root=True)
        assert (result.output, result.error) == ("5 6\ny\n", {})


def test_its_kernel_file_systems_are_its_own(driver: Driver) -> None:
    script = (
        "stat -c '%u %a' /dev /dev/null /dev/shm /dev/mqueue /dev/pts /proc/self/ /sys;"
        "echo x > /dev/null && echo y > /dev/shm/f && mkdir /dev/shm/d && echo ok;"
        "ip link set lo mtu 1400 && cat /sys/class/net/lo/mtu; hostname other && hostname"
    )
    wanted = mapped(script)
    for name in ("bounding", "effective", "permitted"):
        wanted["process"]["capabilities"][name] = [
            *wanted["process"]["capabilities"][name], "CAP_NET_ADMIN", "CAP_SYS_ADMIN"
        ]  # fmt: skip
    result = driver.run(wanted, map_root=True)
    assert (result.stderr, result.error) == ("", {})
    lines = result.output.splitlines()
    assert [line.split()[0] for line in lines[:6]] == ["0"] * 6
    assert lines[7:] == ["ok", "1400", "other"]


def test_exec_is_in_it(driver: Driver) -> None:
    container = driver.start(mapped("sleep 60"), map_root=True)
    names = [*spec()["linux"]["namespaces"], {"type": "user"}]
    process = spec("sh", "-c", "touch /by-exec; stat -c %u /by-exec; id -u; cat /proc/self/uid_map")
    result = driver.exec(container, process["process"], namespaces=names)
    assert result.output.split()[:4] == ["0", "0", "0", str(FIRST)]
    container.kill()
    container.finish()


def test_root_without_a_map_stays_nobodys(driver: Driver) -> None:
    result = driver.run(mapped("stat -c %u /bin/busybox"))
    assert (result.output, result.error) == ("65534\n", {})


@pytest.mark.parametrize("option", ["idmap", "ridmap"])
def test_volume_through_the_containers_map(driver: Driver, tmp_path: Path, option: str) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "file").write_text("content")
    os.chown(volume / "file", 7, 8)
    wanted = mapped("stat -c '%u %g' /data/file; touch /data/made && rm /data/file")
    mount = {"destination": "/data", "type": "bind", "source": str(volume)}
    wanted["mounts"].append({**mount, "options": ["rbind", option]})
    result = driver.run(wanted, map_root=True)
    assert (result.output, result.stderr, result.error) == ("7 8\n", "", {})
    assert (volume / "made").stat().st_uid == 0
    assert not (volume / "file").exists()


def test_idmap_needs_a_map() -> None:
    from wherry.runtime.plan import CgroupPlace, plan_launch

    wanted = spec("true")
    wanted["mounts"].append(
        {"destination": "/d", "type": "bind", "source": "/tmp", "options": ["bind", "idmap"]}
    )
    with pytest.raises(ValueError, match="idmap needs maps"):
        plan_launch(wanted, rootfs="/", cgroup=CgroupPlace())


def test_join_an_existing_one(driver: Driver, userns: int) -> None:
    script = (
        "cat /proc/self/uid_map; id -u; stat -c %u /bin/busybox /dev /proc/self/; echo > /dev/null;"
        "readlink /proc/self/ns/user; ip link show lo | grep -c UP; touch /made; stat -c %u /made"
    )
    result = driver.run(joining(script), fds=[userns], map_root=True)
    assert (result.stderr, result.error) == ("", {})
    words = result.output.split()
    assert words[:3] == ["0", str(FIRST), str(SIZE)]
    assert words[3:7] == ["0"] * 4
    assert words[7] == f"user:[{os.fstat(userns).st_ino}]"
    assert words[8:] == ["1", "0"]


def test_join_what_is_no_user_namespace(driver: Driver) -> None:
    with open("/proc/self/ns/uts", "rb") as file:
        result = driver.run(joining("true"), fds=[file.fileno()])
    assert result.error["step"] == "user_namespace"


def test_no_one_in_between_is_left(driver: Driver, userns: int) -> None:
    """What could not be reaped by the launcher is ours: one child, ended, none running."""
    assert driver.run(joining("true"), fds=[userns], map_root=True).error == {}
    pid, status = os.waitpid(-1, 0)
    assert (pid > 0, status) == (True, 0)


def test_layers_are_attached_for_older_kernels(driver: Driver) -> None:
    id_map = namespace.id_map([(0, FIRST, SIZE)])
    userns = namespace.open_mapped_user_namespace(id_map, id_map)
    options = driver.overlay("older")[0].options
    stage = driver.directory / "older-stage"
    stage.mkdir()
    pid, pidfd = clone3(CLONE_NEWNS, exit_signal=17)
    if pid == 0:
        _check_older(options, userns, str(stage))
    assert wait_pidfd(pidfd) == 0
    os.close(pidfd)
    os.close(userns)
    assert (driver.directory / "older/upper/made").stat().st_uid == 0


def _check_older(options: list[str], userns: int, stage: str) -> None:
    status = 1
    try:
        made = idmapped.mapped_overlay(options, userns, (FIRST, FIRST), stage, "6.1.0-13")
        shown = os.stat("bin/busybox", dir_fd=made).st_uid
        root = os.open(".", os.O_RDONLY, dir_fd=made)
        with FilesystemIds(FIRST, FIRST):
            os.close(os.open("made", os.O_CREAT | os.O_WRONLY, dir_fd=root))
        status = 0 if shown == FIRST and os.listdir(stage) == [] else 2
    finally:
        os._exit(status)
