"""Contexts and categories of SELinux, with a policy directory that the test made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from wherry.engine.containers import relabel
from wherry.engine.containers.config import HostConfig
from wherry.engine.containers.selinux import Context, SELinux
from wherry.errors import Invalid
from wherry.kernel import lsm

PROCESS = "system_u:system_r:container_t"
FILE = "system_u:object_r:container_file_t"


@pytest.fixture
def selinux(tmp_path: Path) -> SELinux:
    (tmp_path / "config").write_text("# comment\nSELINUX=enforcing\nSELINUXTYPE=mine\n")
    contexts = tmp_path / "mine/contexts"
    contexts.mkdir(parents=True)
    (contexts / "lxc_contexts").write_text(
        f'process = "{PROCESS}:s0"\n# file = "no"\nfile = "{FILE}:s0"\nro_file="x:y:z:s0"\n'
    )
    return SELinux(lambda: True, tmp_path)


def labels(selinux: SELinux, *options: str, **host: Any) -> tuple[str, str]:
    given = tuple(f"label={option}" for option in options)
    return selinux.labels_of(HostConfig(security_opt=given, **host), (), ())


def test_contexts() -> None:
    context = Context.parse(f"{PROCESS}:s0-s0:c1,c2")
    assert (context.type, context.level) == ("container_t", "s0-s0:c1,c2")
    assert str(context) == f"{PROCESS}:s0-s0:c1,c2"
    assert str(Context.parse("a:b:c")) == "a:b:c"
    with pytest.raises(ValueError, match="unpack"):
        Context.parse("a:b")


def test_a_pair_of_categories_of_its_own(selinux: SELinux) -> None:
    taken: list[str] = []
    for _ in range(200):
        process, files = selinux.labels_of(HostConfig(), taken, ())
        assert Context.parse(process).level == Context.parse(files).level
        assert (process.startswith(PROCESS), files.startswith(FILE)) == (True, True)
        assert files not in taken
        low, high = Context.parse(files).level.removeprefix("s0:").split(",")
        assert 0 <= int(low[1:]) < int(high[1:]) < 1024
        taken.append(files)


def test_no_pair_is_left(selinux: SELinux, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.randbelow", lambda _: 1)
    with pytest.raises(Invalid, match="categories"):
        labels(selinux)


@pytest.mark.parametrize("host", [{"privileged": True}, {"ipc_mode": "host"}, {"pid_mode": "host"}])
def test_no_label_with_the_host_s_namespaces(selinux: SELinux, host: dict[str, Any]) -> None:
    assert labels(selinux, **host) == ("", f"{FILE}:s0:c1022,c1023")
    assert labels(selinux, "type:mine_t", **host)[0].startswith("system_u:system_r:mine_t:s0:c")


def test_options(selinux: SELinux) -> None:
    assert labels(selinux, "disable") == ("", f"{FILE}:s0:c1022,c1023")
    given = labels(selinux, "level:s0:c7,c8", "user:me_u", "role:me_r", "type:me_t", "filetype:f_t")
    assert given == ("me_u:me_r:me_t:s0:c7,c8", "me_u:object_r:f_t:s0:c7,c8")
    for bad in ("color:red", "type"):
        with pytest.raises(Invalid, match="bad label option"):
            labels(selinux, bad)


def test_the_label_of_whom_it_joins(selinux: SELinux) -> None:
    lender = f"{PROCESS}:s0:c3,c4"
    expected = (lender, f"{FILE}:s0:c3,c4")
    assert selinux.labels_of(HostConfig(), (), [lender, lender]) == expected
    with pytest.raises(Invalid, match="aren't the same"):
        selinux.labels_of(HostConfig(), (), [lender, f"{PROCESS}:s0:c3,c5"])


def test_where_there_is_no_policy(selinux: SELinux, tmp_path: Path) -> None:
    assert selinux.usable()
    assert selinux.of_layers() == "x:y:z:s0"
    for other in (SELinux(lambda: False, selinux.directory), SELinux(lambda: True, tmp_path / "n")):
        assert not other.usable()
        assert other.of_layers() == ""
        assert labels(other) == ("", "")


def test_facts_of_the_kernel(tmp_path: Path) -> None:
    mounted, current = tmp_path / "enforce", tmp_path / "current"
    current.write_bytes(b"kernel\0")
    assert not lsm.selinux_active(str(mounted), str(current))
    mounted.touch()
    assert not lsm.selinux_active(str(mounted), str(current))
    current.write_bytes(b"system_u:system_r:init_t:s0\0")
    assert lsm.selinux_active(str(mounted), str(current))


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What was labelled: real path and label."""
    seen: dict[str, str] = {}

    def note(path: str, label: str, *, follow: bool = False) -> None:
        parent, name = os.path.split(path)
        seen[os.path.realpath(path) if follow else f"{os.path.realpath(parent)}/{name}"] = label

    monkeypatch.setattr(lsm, "set_file_label", note)
    return seen


def test_relabelling_follows_no_link(tmp_path: Path, given: dict[str, str]) -> None:
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    (top / "sub/file").touch()
    (top / "link").symlink_to("/etc")
    relabel.relabel(str(top), "", f"{FILE}:s0:c1,c2", shared=True)
    names = {"", "/sub", "/sub/file", "/link"}
    assert given == {f"{top}{name}": f"{FILE}:s0" for name in names}


def test_a_part_is_relabelled_alone(tmp_path: Path, given: dict[str, str]) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "other").touch()
    relabel.relabel(str(tmp_path), "part", f"{FILE}:s0:c1,c2", shared=False)
    assert given == {f"{tmp_path}/part": f"{FILE}:s0:c1,c2"}


@pytest.mark.parametrize("path", ["/etc", "/usr/", "/", "/etc/passwd", "/proc/self/root/etc"])
def test_what_belongs_to_the_system_stays(path: str, given: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="is not allowed"):
        relabel.relabel(path, "", f"{FILE}:s0", shared=False)
    assert given == {}


def test_a_link_to_the_system_s(tmp_path: Path, given: dict[str, str]) -> None:
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(Invalid, match="relabeling of /etc is not allowed"):
        relabel.relabel(str(tmp_path / "link"), "", f"{FILE}:s0", shared=False)
    assert given == {}


def test_words_of_modes() -> None:
    assert [relabel.wanted(mode) for mode in ("", "ro,z", "Z", "rprivate")] == ["", "z", "Z", ""]
