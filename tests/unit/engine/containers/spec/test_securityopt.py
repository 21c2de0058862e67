"""`--security-opt` as values, and Docker's words for what is wrong."""

from __future__ import annotations

import pytest

from wherry.engine.containers.config import HostConfig
from wherry.engine.containers.spec import securityopt
from wherry.engine.containers.spec.securityopt import SecurityOptions, parse
from wherry.errors import Invalid


def test_nothing_said() -> None:
    assert parse([]) == SecurityOptions()


def test_all_words() -> None:
    said = parse(
        ["no-new-privileges", "seccomp=unconfined", "label=disable", "label:type:x", "apparmor=a"]
    )
    assert said == SecurityOptions(True, "unconfined", "a", ("disable", "type:x"))


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("no-new-privileges:true", SecurityOptions(no_new_privileges=True)),
        ("no-new-privileges=T", SecurityOptions(no_new_privileges=True)),
        ("no-new-privileges=0", SecurityOptions()),
        ("writable-cgroups", SecurityOptions(writable_cgroups=True)),
        ("writable-cgroups=1", SecurityOptions(writable_cgroups=True)),
        ("writable-cgroups:false", SecurityOptions(writable_cgroups=False)),
        ("disable", SecurityOptions(labels=("disable",))),
        ("systempaths=unconfined", SecurityOptions(system_paths=True)),
        ("seccomp=builtin", SecurityOptions(seccomp="builtin")),
    ],
)
def test_each_word(option: str, expected: SecurityOptions) -> None:
    assert parse([option]) == expected


def test_the_last_one_counts() -> None:
    assert parse(["apparmor=a", "apparmor=b"]).apparmor == "b"
    assert not parse(["no-new-privileges", "no-new-privileges=false"]).no_new_privileges


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("nope", 'invalid --security-opt 1: "nope"'),
        ("seccomp", 'invalid --security-opt 1: "seccomp"'),
        ("nosuch=1", 'invalid --security-opt 2: "nosuch=1"'),
        ("writeable-cgroups=true", 'invalid --security-opt 2: "writeable-cgroups=true"'),
        ("writable-cgroups=dang", 'invalid --security-opt 2: "writable-cgroups=dang"'),
        ("no-new-privileges=tRUE", 'invalid --security-opt 2: "no-new-privileges=tRUE"'),
        ("systempaths=confined", 'invalid --security-opt 2: "systempaths=confined"'),
    ],
)
def test_bad_options_in_docker_s_words(option: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse([option])
    assert caught.value.message == message


@pytest.mark.parametrize("profile", ["{", "[]", "1", "default"])
def test_what_is_no_profile(profile: str) -> None:
    with pytest.raises(Invalid, match="decoding seccomp profile failed"):
        parse([f"seccomp={profile}"])


def test_system_paths_are_resolved_as_docker_s_command_line_does() -> None:
    given = HostConfig(security_opt=("systempaths=unconfined", "no-new-privileges"))
    made = securityopt.with_system_paths(given)
    assert made == HostConfig(
        security_opt=("no-new-privileges",), masked_paths=(), readonly_paths=()
    )
    plain = HostConfig(security_opt=("no-new-privileges",))
    assert securityopt.with_system_paths(plain) is plain
