"""Labels of whole containers: chosen apart, kept, and dropped where the kernel has them not."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.unit.engine.containers.test_store import container
from wherry.engine.containers.apparmor import AppArmor
from wherry.engine.containers.config import HostConfig
from wherry.engine.containers.labelling import Labelling
from wherry.engine.containers.record import Labels
from wherry.engine.containers.selinux import Context, SELinux
from wherry.kernel.mount import Mount


class Roster(list[Any]):
    """Records by name."""

    def find(self, ref: str) -> Any:
        return next(live for live in self if live.record.name == ref)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    contexts = tmp_path / "targeted/contexts"
    contexts.mkdir(parents=True)
    (tmp_path / "config").write_text("SELINUXTYPE=targeted\n")
    (contexts / "lxc_contexts").write_text('process = "u:r:container_t:s0"\nfile="u:o:f_t:s0"\n')
    return tmp_path


def labelling(policy: Path, roster: Roster, *, active: bool = True) -> Labelling:
    apparmor = AppArmor(lambda: False, set)
    return Labelling(cast("Any", roster), apparmor, SELinux(lambda: active, policy))


def record(**changes: object) -> Any:
    return SimpleNamespace(record=container(**changes))


def test_levels_differ_and_are_joined(policy: Path) -> None:
    roster = Roster()
    made = labelling(policy, roster)
    first = made.choose(HostConfig())
    roster.append(record(name="first", labels=first))
    assert made.choose(HostConfig()).mount != first.mount
    joined = made.choose(HostConfig(ipc_mode="container:first", pid_mode="container:first"))
    assert joined.process == first.process
    assert made.active() == ["name=selinux"]
    assert made.ignored(HostConfig(security_opt=("label=type:x",))) == []


async def test_labels_follow_the_kernel(policy: Path) -> None:
    made = labelling(policy, Roster())
    old = container()  # of a time without SELinux
    await made.enter(old)
    assert Context.parse(old.labels.mount).type == "f_t"
    kept = dataclasses.replace(old.labels)
    await made.enter(old)
    assert old.labels == kept
    await labelling(policy, Roster(), active=False).enter(old)
    assert old.labels == Labels()


def test_the_root_s_files_have_the_label(policy: Path) -> None:
    made = labelling(policy, Roster())
    labelled = container(labels=Labels(mount="u:o:f_t:s0:c1,c2"))
    mounts = [Mount("overlay", "overlay", "/", ["lowerdir+=/a"]), Mount("bind", "/b", "/", ["ro"])]
    options = [mount.options for mount in made.rootfs(labelled, mounts)]
    assert options == [["lowerdir+=/a", "context=u:o:f_t:s0:c1,c2"], ["ro"]]
    assert made.rootfs(container(), mounts) is mounts


async def test_without_selinux_nothing_is_done(policy: Path) -> None:
    made = labelling(policy, Roster())
    made.selinux = None
    assert (made.choose(HostConfig()), made.active()) == (Labels(), [])
    await made.label_layers("/nowhere")
    await made.label_files(container())
