"""The mount calls, in a throw-away mount namespace of a forked child."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from wherry.kernel import mount, namespace, overlay, path
from wherry.kernel.process import SIGCHLD, clone3, wait_pidfd

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def in_own_namespace(work: Callable[[], None]) -> int:
    """Exit code of a child that does `work` in a mount namespace; 0 when nothing is raised."""
    pid, pidfd = clone3(namespace.CLONE_NEWNS, exit_signal=SIGCHLD)
    if pid == 0:
        code = 1
        try:
            mount.mount("", "/", "", mount.MS_REC | mount.MS_PRIVATE)
            work()
            code = 0
        except BaseException as error:  # noqa: BLE001
            os.write(2, f"{error!r}\n".encode())
        finally:
            os._exit(code)
    status = wait_pidfd(pidfd)
    os.close(pidfd)
    return os.waitstatus_to_exitcode(status or 0)


def test_new_mount_and_attach(tmp_path: Path) -> None:
    def work() -> None:
        fd = mount.new_mount("tmpfs", "mine", ["size=64k", "mode=711"], mount.MOUNT_ATTR_NODEV)
        where = os.open(tmp_path, os.O_PATH)
        mount.attach(fd, where)
        line = Path("/proc/self/mountinfo").read_text().splitlines()[-1]
        assert f" {tmp_path} rw,nodev,relatime - tmpfs mine rw,size=64k,mode=711" in line

    assert in_own_namespace(work) == 0


def test_refused_option_is_named() -> None:
    with pytest.raises(OSError, match="fsconfig") as caught:
        mount.new_mount("tmpfs", "", ["size=blue"])
    assert "size" in str(caught.value)


def test_attributes_of_a_tree(tmp_path: Path) -> None:
    def work() -> None:
        mount.mount("tmpfs", str(tmp_path), "tmpfs")
        (tmp_path / "below").mkdir()
        mount.mount("tmpfs", str(tmp_path / "below"), "tmpfs")
        fd = mount.clone_tree(str(tmp_path), recursive=True)
        mount.mount_setattr(fd, "", mount.AT_RECURSIVE, mount.MOUNT_ATTR_RDONLY)
        try:
            os.open("below/x", os.O_CREAT | os.O_WRONLY, dir_fd=fd)
            raise AssertionError("it could be written")
        except OSError as error:
            assert error.errno == 30

    assert in_own_namespace(work) == 0


@pytest.mark.parametrize("by_numbers", [False, True])
def test_overlay_of_200_layers_both_ways(tmp_path: Path, by_numbers: bool) -> None:
    words = []
    for number in range(200):
        layer = tmp_path / f"{number:064d}" / "diff"
        layer.mkdir(parents=True)
        (layer / f"f{number}").touch()
        words.append(f"lowerdir+={layer}")
    for name in ("upper", "work", "stage"):
        (tmp_path / name).mkdir()
    words += [f"upperdir={tmp_path}/upper", f"workdir={tmp_path}/work"]

    def work() -> None:
        if by_numbers:
            layers, others = overlay.split_options(words)
            fd = overlay._by_numbers(layers, others, 0, str(tmp_path / "stage"))
        else:
            fd = overlay.overlay(words, stage=str(tmp_path / "stage"))
        top = os.open(".", os.O_RDONLY, dir_fd=fd)
        assert len(os.listdir(top)) == 200
        os.close(os.open("new", os.O_CREAT, dir_fd=fd))
        assert str(tmp_path / "stage") not in Path("/proc/self/mountinfo").read_text()

    assert in_own_namespace(work) == 0
    assert (tmp_path / "upper" / "new").exists()


def test_look_up_stays_in_the_root(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("inner")
    (tmp_path / "up").symlink_to("../../../../etc/passwd")
    (tmp_path / "magic").symlink_to("/proc/self/fd/0")
    root = os.open(tmp_path, os.O_PATH)
    fd = path.open_in(root, "/up", os.O_RDONLY)
    assert os.read(fd, 9) == b"inner"
    os.close(fd)
    with pytest.raises(OSError, match="openat2"):
        path.open_in(root, "/magic", os.O_RDONLY)
    os.close(root)
