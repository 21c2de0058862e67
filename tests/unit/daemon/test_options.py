"""Flags and the JSON file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wherry.cli.flags import parse
from wherry.cli.verbs import daemon as daemon_verb
from wherry.daemon import listening, options
from wherry.engine.containers.foreign.programs import OciProgram
from wherry.engine.networks.settings import AddressPool
from wherry.errors import Invalid
from wherry.registry.signature_policy import DEFAULT_PATH


def test_defaults() -> None:
    chosen = options.Options()
    assert chosen.addresses == ("unix:///run/wherry.sock",)
    assert chosen.pid_path == "/run/wherry.pid"


def test_flags() -> None:
    chosen = options.read(["--exec-root", "/x/run/", "-H", "unix:///a", "-H", "tcp://:1", "-D"])
    assert chosen.exec_root == "/x/run"
    assert chosen.hosts == ("unix:///a", "tcp://:1")
    assert chosen.log_level == "debug"
    assert chosen.pid_path == "/x/run.pid"


def test_the_signature_policy() -> None:
    """The same default as where it is read: only that file may be missing."""
    assert options.read([]).signature_policy == DEFAULT_PATH
    assert options.read(["--signature-policy", "/p.json"]).signature_policy == "/p.json"


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"
    path.write_text(json.dumps({"data-root": "/d", "hosts": ["unix:///a"], "debug": True}))
    chosen = options.read(["--config", str(path)])
    assert (chosen.data_root, chosen.hosts, chosen.log_level) == ("/d", ("unix:///a",), "debug")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"nope": 1}, "don't match any configuration option: nope"),
        ({"hosts": "unix:///a"}, "hosts must be a list"),
        ({"log-level": "loud"}, "log-level must be one of"),
        ({"data-root": 1}, "data-root must be a string"),
    ],
)
def test_a_wrong_file(settings: dict[str, object], words: str) -> None:
    with pytest.raises(Invalid) as caught:
        options.combine({}, settings)
    assert words in caught.value.message


def test_both_is_docker_s_conflict() -> None:
    with pytest.raises(Invalid) as caught:
        options.combine({"data_root": "/a"}, {"data-root": "/b"})
    assert "specified both as a flag and in the configuration file" in caught.value.message
    assert "data-root: (from flag: /a, from file: /b)" in caught.value.message


def test_a_named_file_must_be_there() -> None:
    with pytest.raises(Invalid, match="missing"):
        options.read(["--config", "/no/such/file"])


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:///run/x.sock", listening.Address("unix", path="/run/x.sock")),
        ("tcp://127.0.0.1:80", listening.Address("tcp", host="127.0.0.1", port=80)),
        ("tcp://[::1]:80", listening.Address("tcp", host="::1", port=80)),
        ("tcp://[::1]", listening.Address("tcp", host="::1", port=2375)),
        ("tcp://", listening.Address("tcp", host="127.0.0.1", port=2375)),
        ("tcp://:80", listening.Address("tcp", host="127.0.0.1", port=80)),
        ("fd://", listening.Address("fd")),
    ],
)
def test_addresses(text: str, address: listening.Address) -> None:
    assert listening.parse(text) == address


@pytest.mark.parametrize("text", ["", "unix://relative", "tcp://x:y", "http://x", "/run/x"])
def test_bad_addresses(text: str) -> None:
    with pytest.raises(Invalid, match="invalid address"):
        listening.parse(text)


def test_networks_as_dockerd_is_told() -> None:
    chosen = options.combine(
        {"ipv6": True, "dns": ["9.9.9.9"]},
        {
            "bip": "10.1.0.1/24",
            "mtu": 1300,
            "icc": False,
            "default-address-pools": [{"base": "10.2.0.0/16", "size": 26}],
        },
    ).network_settings()
    assert (chosen.bip, chosen.mtu, chosen.icc, chosen.ipv6) == ("10.1.0.1/24", 1300, False, True)
    assert chosen.default_address_pools == (AddressPool("10.2.0.0/16", 26),)
    assert chosen.dns == ("9.9.9.9",)


def test_pools_and_switches_as_flags() -> None:
    chosen = options.read(
        ["--default-address-pool", "base=10.0.0.0/8,size=24", "--ipv6", "--icc=false"]
    ).network_settings()
    assert chosen.default_address_pools == (AddressPool("10.0.0.0/8", 24),)
    assert (chosen.ipv6, chosen.icc) == (True, False)


def test_the_wherry_profile_keeps_ports_at_home() -> None:
    assert options.read([]).network_settings() is None
    settings = options.combine({}, {"profile": "wherry"}).network_settings()
    assert (settings.ip, settings.publish_obeys_input) == ("127.0.0.1", True)
    settings = options.combine({}, {"profile": "wherry", "ip": "0.0.0.0"}).network_settings()
    assert settings.ip == "0.0.0.0"


@pytest.mark.parametrize(
    "networks",
    [
        {"default-address-pools": [{"base": "x", "size": 24}]},
        {"default-address-pools": [{"base": "10.0.0.0/8"}]},
        {"default-address-pools": [{"base": "10.0.0.0/8", "size": "a"}]},
        {"ip": "localhost"},
        {"dns": ["bogus"]},
        {"ipv6": "yes"},
        {"profile": "podman"},
    ],
)
def test_networks_that_make_no_sense(networks: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        options.combine({}, networks).network_settings()


def test_runtimes(tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"
    mine = {"path": "/opt/runsc", "runtimeArgs": ["--platform=kvm"]}
    path.write_text(json.dumps({"runtimes": {"mine": mine}, "default-runtime": "mine"}))
    chosen = options.read(["--config", str(path)]).runtime_settings()
    assert chosen.runtimes["mine"] == OciProgram("mine", "/opt/runsc", ("--platform=kvm",))
    assert chosen.default == "mine"
    flags = ["--add-runtime", "a=/bin/a", "--add-runtime=b=/opt/crun"]
    chosen = options.read(flags).runtime_settings()
    assert [program.path for program in chosen.runtimes.values()] == ["/bin/a", "/opt/crun"]
    assert chosen.runtimes["b"].args == ("--cgroup-manager=cgroupfs",)
    assert chosen.default == "wherry"


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("wherry", "/bin/x", "is reserved"),
        ("io.containerd.x.v1", "/bin/x", "is reserved"),
        ("x", "bin/x", "needs an absolute path"),
        ("x", {}, "needs an absolute path"),
        ("x", 1, "invalid runtime 'x'"),
        ("x", {"path": "/bin/x", "runtimeArgs": "a"}, "must be a list of strings"),
        ("x", {"runtimeType": "io.containerd.kata.v2"}, "runtimeType cannot be set"),
    ],
)
def test_wrong_runtimes(name: str, given: object, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        options.Options(runtimes={name: given}).runtime_settings()


def test_user_namespaces() -> None:
    assert options.read([]).user_namespace_settings().default == "host"
    chosen = options.read(["--userns", "auto", "--userns-pool", "1000000:65536"])
    assert chosen.user_namespace_settings().default == "auto"
    assert chosen.user_namespace_settings().pool == (1_000_000, 1_065_536)
    assert options.read(["--userns-remap=default"]).user_namespace_settings().default == "auto"
    assert options.read(["--profile=wherry"]).user_namespace_settings().default == "auto"
    chosen = options.read(["--profile=wherry", "--userns=host"])
    assert chosen.user_namespace_settings().default == "host"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--userns=x"], "invalid user namespace mode: x"),
        (["--userns=0:1:10"], "a map cannot be the default"),
        (["--userns-remap=alice"], "userns-remap 'alice' is not supported"),
        (["--userns=auto", "--userns-remap=default"], "say the same"),
        (["--userns-pool=x"], "invalid userns-pool 'x'"),
        (["--userns-pool=1:5"], "it needs at least 65536 ids"),
        (["--userns-pool=0:100000"], "it needs at least 65536 ids"),
    ],
)
def test_wrong_user_namespaces(words: list[str], complaint: str) -> None:
    with pytest.raises(Invalid, match=complaint):
        options.read(words).user_namespace_settings()


def test_the_command_line_knows_every_flag() -> None:
    """`wherry daemon` names the flags for help and completion, and hands them on."""
    named = {f"--{flag.name}" for flag in daemon_verb.FLAGS}
    short = {f"-{flag.short}" for flag in daemon_verb.FLAGS if flag.short}
    assert named | short == {flag for row in options.ROWS for flag in row.flags} | {
        "--config", "--config-file", "--debug", "-D",
    }  # fmt: skip


def test_flags_are_handed_on_as_they_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--icc=false", "--mtu", "1400", "--dns=1.1.1.1", "-D", "--userns", "auto"]
    words += ["--add-runtime", "a=/bin/a", "--dns=9.9.9.9", "--tls=false", "--profile=wherry"]
    executed: list[list[str]] = []
    monkeypatch.setattr(daemon_verb.os, "execv", lambda _, argv: executed.append(argv))
    parsed = parse(daemon_verb.FLAGS, words)
    daemon_verb.run(None, parsed[0], [])  # type: ignore[arg-type]
    handed = options.read(executed[0][4:])
    assert handed == options.read(words)
    assert handed.networks["dns"] == ("1.1.1.1", "9.9.9.9")
    assert handed.log_level == "debug"
