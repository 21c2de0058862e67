"""Rules of Landlock: both spellings, what they come to, and what is wrong with others."""

from __future__ import annotations

import pytest

from wherry.engine.containers.spec.landlock import Landlock, parse, ruleset, warnings
from wherry.errors import Invalid, Unsupported
from wherry.kernel import landlock as kernel

READ = kernel.READ_FILE | kernel.READ_DIR


def parsed(*texts: str) -> Landlock:
    found = parse(texts)
    assert found is not None
    return found


def test_nothing_said() -> None:
    assert parse([]) is None


def test_both_spellings_say_the_same() -> None:
    text = parsed("ro:/usr,rw:-/data,bind:80,connect:none,scope:signal")
    json = parsed(
        '{"ro": ["/usr"], "rw": ["-/data"], "bind": [80], "connect": [], "scope": ["signal"]}'
    )
    assert text == json
    assert text.paths == (
        ("/usr", READ | kernel.EXECUTE, True),
        ("/data", kernel.handled_files(5), False),
    )
    assert text.ports == ((80, kernel.BIND_TCP),)
    assert text.handled_ports == kernel.BIND_TCP | kernel.CONNECT_TCP
    assert text.scopes == kernel.SCOPE_SIGNAL


def test_options_add_up() -> None:
    assert parsed("ro:/usr", "rw:/data") == parsed("ro:/usr,rw:/data")


def test_without_execution() -> None:
    rows = parsed("ro-noexec:/a,rw-noexec:/b").paths or ()
    assert not any(access & kernel.EXECUTE for _, access, _ in rows)
    assert rows[1][1] & kernel.WRITE_FILE


def test_what_has_no_rule_is_not_restricted() -> None:
    (files, ports, scopes), rows, _ = ruleset(parsed("connect:443"), 7)
    assert (files, ports, scopes, rows) == (0, kernel.CONNECT_TCP, 0, [])
    assert ruleset(parsed("ro:/usr"), 7)[0] == (kernel.handled_files(7), 0, 0)
    assert ruleset(parsed('{"ro": []}'), 7)[0][0]  # no path at all: nothing can be opened


def test_devices_that_every_program_needs_stay() -> None:
    rows = ruleset(parsed("ro:/usr"), 7, ["/sbin/init"])[1]
    assert rows[0][0] == "/usr"
    assert ("/sbin/init", READ | kernel.EXECUTE, False) in rows
    devices = {path: access for path, access, _ in rows if path.startswith("/dev/")}
    assert "/dev/null" in devices
    assert not any(access & (kernel.EXECUTE | kernel.MAKE_BLOCK) for access in devices.values())


@pytest.mark.parametrize(
    "text",
    [
        "", "usr", "ro:", "ro:usr", "rx:/usr", "ro:/a/../b", "bind:x", "bind:65536", "connect:-1",
        "scope:all", "{", '{"all": []}', '{"ro": "/usr"}', "{}", "ro:/usr,",
    ],
)  # fmt: skip
def test_bad_rules(text: str) -> None:
    with pytest.raises(Invalid):
        parse([text])


@pytest.mark.parametrize(
    ("text", "version", "words"),
    [
        ("ro:/usr", 0, "no Landlock"),
        ("bind:80", 3, "TCP ports need version 4"),
        ("scope:signal", 5, "scopes need version 6"),
    ],
)
def test_what_an_older_kernel_cannot_do(text: str, version: int, words: str) -> None:
    with pytest.raises(Unsupported, match=words):
        ruleset(parsed(text), version)


def test_what_an_older_kernel_cannot_deny_is_told() -> None:
    assert "truncation" in warnings(parsed("ro:/usr"), 2)[0]
    assert "truncation" not in warnings(parsed("ro:/usr"), 4)[0]
    assert not warnings(parsed("ro:/usr"), 5)
    assert not warnings(parsed("bind:1"), 4)
    assert not warnings(None, 0)
