"""Profiles of AppArmor chosen and made, without a kernel that has it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest

from wherry.engine.containers import apparmor
from wherry.engine.containers.apparmor import DEFAULT, AppArmor
from wherry.engine.containers.config import HostConfig
from wherry.engine.containers.labelling import Labelling
from wherry.engine.containers.roster import Roster
from wherry.engine.events import EventLog
from wherry.errors import Unavailable
from wherry.kernel import lsm


@pytest.fixture
def parser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A parser that writes down what it is given; "refuse" beside it makes it fail."""
    program = tmp_path / "apparmor_parser"
    program.write_text(
        f"#!/bin/sh\ncat >>{tmp_path}/given\n"
        f"[ ! -e {tmp_path}/refuse ] || {{ echo bad profile >&2; exit 1; }}\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(apparmor, "_PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def module(*, active: bool = True, loaded: set[str] | None = None) -> AppArmor:
    return AppArmor(lambda: active, lambda: loaded or set())


def labelling(module: AppArmor) -> Labelling:
    return Labelling(Roster(cast("Any", None), EventLog()), module)


def profile(option: str = "", *, privileged: bool = False, active: bool = True) -> str:
    options = (option,) if option else ()
    host = HostConfig(security_opt=options, privileged=privileged)
    return module(active=active).profile_of(host)


@pytest.mark.usefixtures("parser")
def test_who_gets_which_profile() -> None:
    assert profile() == DEFAULT
    assert profile(privileged=True) == "unconfined"
    assert profile("apparmor=mine") == profile("apparmor=mine", privileged=True) == "mine"
    assert profile("apparmor=unconfined") == "unconfined"
    assert profile("apparmor=docker-default") == DEFAULT
    assert profile("apparmor=docker-default", privileged=True) == DEFAULT
    assert profile(active=False) == profile("apparmor=mine", active=False) == ""


def test_without_a_parser_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apparmor, "_PATH", "/nowhere")
    assert profile() == ""
    assert profile("apparmor=mine") == "mine"
    made = labelling(module())
    assert made.active() == []
    assert "apparmor_parser" in made.warnings()[0]


def test_labels_without_effect_are_told() -> None:
    made = labelling(module(active=False))
    told = made.ignored(HostConfig(security_opt=("apparmor=mine", "label=type:x")))
    assert [("apparmor=mine" in each, "label=type:x" in each) for each in told] == [
        (False, True), (True, False)
    ]  # fmt: skip
    quiet = HostConfig(security_opt=("apparmor=unconfined", "label=disable"))
    assert made.ignored(quiet) == []
    assert labelling(module()).ignored(HostConfig(security_opt=("apparmor=mine",))) == []


def test_the_default_is_loaded_where_it_is_missing(parser: Path) -> None:
    module(loaded={DEFAULT}).ensure(DEFAULT)
    module().ensure("mine")
    assert not (parser / "given").exists()
    module().ensure(DEFAULT)
    assert (parser / "given").read_text().count(f'profile "{DEFAULT}"') == 1


def test_it_is_loaded_once_where_nobody_can_look(parser: Path) -> None:
    def unknown() -> set[str]:
        raise FileNotFoundError(2, "no securityfs")

    blind = AppArmor(lambda: True, unknown)
    blind.ensure(DEFAULT)
    blind.ensure(DEFAULT)
    assert (parser / "given").read_text().count(f'profile "{DEFAULT}"') == 1


def test_a_profile_that_the_parser_refuses(parser: Path) -> None:
    (parser / "refuse").touch()
    with pytest.raises(Unavailable, match="could not be loaded: bad profile"):
        module().ensure(DEFAULT)


def test_the_profile_names_who_may_signal() -> None:
    text = apparmor.text("daemons", abi=True)
    assert text.startswith("abi <abi/3.0>,\n")
    assert 'signal (receive) peer="daemons",' in text
    assert "abi <" not in apparmor.text("unconfined", abi=False)


def test_the_profile_compiles() -> None:
    program = shutil.which("apparmor_parser", path="/usr/sbin:/sbin:/usr/bin")
    if program is None:
        pytest.skip("no apparmor_parser (package apparmor) here")
    command = [program, "--quiet", "--skip-kernel-load", "--skip-cache"]
    done = subprocess.run(command, input=apparmor.text("unconfined").encode(), capture_output=True)
    assert done.returncode == 0, done.stderr


def test_facts_of_the_kernel(tmp_path: Path) -> None:
    enabled, profiles = tmp_path / "enabled", tmp_path / "profiles"
    assert not lsm.apparmor_active(str(enabled))
    enabled.write_text("Y\n")
    assert lsm.apparmor_active(str(enabled))
    profiles.write_text("wherry-default (enforce)\na name (x) (complain)\n")
    assert lsm.apparmor_profiles(str(profiles)) == {"wherry-default", "a name (x)"}
    assert lsm.own_apparmor_profile()
