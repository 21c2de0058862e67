"""From the flags of `run` to the API's request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wherry.cli.failures import Failure, UsageFailure
from wherry.cli.flags import parse
from wherry.cli.run.config import create_request
from wherry.cli.verbs.run import FLAGS


def request(*words: str) -> dict[str, Any]:
    options, arguments = parse(FLAGS, [*words, "image", "cmd"], interspersed=False)
    return create_request(options, arguments[0], arguments[1:])


def host(*words: str) -> dict[str, Any]:
    config: dict[str, Any] = request(*words)["HostConfig"]
    return config


def test_nothing_but_an_image() -> None:
    plain = request()
    assert plain["Image"] == "image"
    assert plain["Cmd"] == ["cmd"]
    assert plain["AttachStdout"]
    assert not plain["AttachStdin"]
    assert "Env" not in plain
    assert plain["HostConfig"]["NetworkMode"] == "default"
    assert plain["NetworkingConfig"] == {"EndpointsConfig": {"default": {}}}


def test_streams() -> None:
    both = request("-it")
    assert both["Tty"]
    assert both["OpenStdin"]
    assert both["StdinOnce"]
    only = request("-a", "STDERR")
    assert (only["AttachStdin"], only["AttachStdout"], only["AttachStderr"]) == (False, False, True)


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (["--rm"], "AutoRemove", True),
        (["-v", "/a:/b:ro", "-v", "vol:/c"], "Binds", ["/a:/b:ro", "vol:/c"]),
        (["--tmpfs", "/t:size=1m", "--tmpfs", "/u"], "Tmpfs", {"/t": "size=1m", "/u": ""}),
        (
            ["--restart", "on-failure:3"],
            "RestartPolicy",
            {"Name": "on-failure", "MaximumRetryCount": 3},
        ),
        (["-m", "1g"], "Memory", 1 << 30),
        (["--memory-swap", "-1"], "MemorySwap", -1),
        (["--cpus", "1.5"], "NanoCpus", 15 * 10**8),
        (["--pids-limit", "-1"], "PidsLimit", -1),
        (["--ulimit", "nofile=1:2"], "Ulimits", [{"Name": "nofile", "Hard": 2, "Soft": 1}]),
        (["--sysctl", "net.a=1"], "Sysctls", {"net.a": "1"}),
        (["--init=false"], "Init", False),
        (["--init"], "Init", True),
        (["--net", "host"], "NetworkMode", "host"),
        (["--add-host", "a=::1"], "ExtraHosts", ["a:::1"]),
        (["--log-driver", "none"], "LogConfig", {"Type": "none"}),
        (["--log-opt", "a=b"], "LogConfig", {"Config": {"a": "b"}}),
        (["--cap-add", "NET_ADMIN", "--cap-drop", "ALL"], "CapAdd", ["NET_ADMIN"]),
        (["--security-opt", "no-new-privileges"], "SecurityOpt", ["no-new-privileges"]),
        (["--security-opt", "systempaths=unconfined"], "MaskedPaths", []),
        (["--security-opt", "writable-cgroups"], "SecurityOpt", ["writable-cgroups"]),
        (["--security-opt", "landlock=ro:/usr"], "SecurityOpt", ["landlock=ro:/usr"]),
        (
            ["--device", "/dev/null:/dev/x:r"],
            "Devices",
            [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}],
        ),
        (
            ["--device-read-bps", "/dev/sda:1mb"],
            "BlkioDeviceReadBps",
            [{"Path": "/dev/sda", "Rate": 1 << 20}],
        ),
        (
            ["-p", "127.0.0.1:8080:80/udp", "-p", "53"],
            "PortBindings",
            {
                "80/udp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}],
                "53/tcp": [{"HostIp": "", "HostPort": ""}],
            },
        ),
        (
            ["-p", "[::1]:1-2:3-4"],
            "PortBindings",
            {
                "3/tcp": [{"HostIp": "::1", "HostPort": "1"}],
                "4/tcp": [{"HostIp": "::1", "HostPort": "2"}],
            },
        ),
        (
            ["-p", "8000-8010:80"],
            "PortBindings",
            {"80/tcp": [{"HostIp": "", "HostPort": "8000-8010"}]},
        ),
        (
            ["-p", "target=80,published=8080,protocol=udp"],
            "PortBindings",
            {"80/udp": [{"HostIp": "", "HostPort": "8080"}]},
        ),
        (
            ["--mount", "type=bind,src=/a,dst=/b,readonly,bind-propagation=rslave"],
            "Mounts",
            [
                {
                    "Type": "bind",
                    "Source": "/a",
                    "Target": "/b",
                    "ReadOnly": True,
                    "BindOptions": {"Propagation": "rslave"},
                }
            ],
        ),
        (
            ["--mount", "type=tmpfs,dst=/b,tmpfs-size=1m,tmpfs-mode=1770"],
            "Mounts",
            [
                {
                    "Type": "tmpfs",
                    "Target": "/b",
                    "TmpfsOptions": {"SizeBytes": 1 << 20, "Mode": 0o1770},
                }
            ],
        ),
        (
            ["--mount", 'dst=/b,"volume-opt=o=a,b",volume-driver=local'],
            "Mounts",
            [
                {
                    "Type": "volume",
                    "Target": "/b",
                    "VolumeOptions": {"DriverConfig": {"Options": {"o": "a,b"}, "Name": "local"}},
                }
            ],
        ),
    ],
)
def test_host_config(words: list[str], key: str, value: object) -> None:
    assert host(*words)[key] == value


def test_volumes_without_a_source() -> None:
    assert request("-v", "/data")["Volumes"] == {"/data": {}}


def test_relative_sources_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert host("-v", "./x:/y")["Binds"] == [f"{tmp_path}/x:/y"]
    assert host("--mount", "type=bind,src=.,dst=/y")["Mounts"][0]["Source"] == str(tmp_path)


def test_exposed_ports() -> None:
    exposed = request("--expose", "1-2/udp", "-p", "5:80")["ExposedPorts"]
    assert exposed == {"1/udp": {}, "2/udp": {}, "80/tcp": {}}


def test_entrypoint_is_reset_by_an_empty_one() -> None:
    assert "Entrypoint" not in request()
    assert request("--entrypoint", "")["Entrypoint"] == [""]
    assert request("--entrypoint", "/x")["Entrypoint"] == ["/x"]


def test_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", "there")
    monkeypatch.delenv("NOT_HERE", raising=False)
    file = tmp_path / "env"
    file.write_text("\ufeff# comment\nA=1\n  B=x y \nHERE\nNOT_HERE\n")
    words = ["--env-file", str(file), "-e", "HERE", "-e", "NOT_HERE", "-e", "C="]
    assert request(*words)["Env"] == ["A=1", "B=x y ", "HERE=there", "HERE=there", "NOT_HERE", "C="]


def test_labels(tmp_path: Path) -> None:
    file = tmp_path / "labels"
    file.write_text("a=1\nbare\n")
    labels = request("--label-file", str(file), "-l", "a=2")["Labels"]
    assert labels == {"a": "2", "bare": ""}


def test_seccomp_profiles_are_read_here(tmp_path: Path) -> None:
    file = tmp_path / "profile.json"
    file.write_text('{ "defaultAction" : "SCMP_ACT_ALLOW" }')
    found = host("--security-opt", f"seccomp={file}")["SecurityOpt"]
    assert found == ['seccomp={"defaultAction":"SCMP_ACT_ALLOW"}']


def test_rules_of_landlock_are_read_here(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text('{ "ro": ["/usr"] }')
    assert host("--security-opt", f"landlock={file}")["SecurityOpt"] == ['landlock={"ro":["/usr"]}']


def test_health() -> None:
    check = request("--health-cmd", "true", "--health-interval", "5s", "--health-retries", "2")
    assert check["Healthcheck"] == {
        "Interval": 5 * 10**9,
        "Retries": 2,
        "Test": ["CMD-SHELL", "true"],
    }
    assert request("--no-healthcheck")["Healthcheck"] == {"Test": ["NONE"]}


def test_networks() -> None:
    words = ["--network", "name=n,alias=A,ip=1.2.3.4", "--network-alias", "b", "--network", "m"]
    made = request(*words)
    assert made["HostConfig"]["NetworkMode"] == "n"
    assert made["NetworkingConfig"]["EndpointsConfig"] == {
        "n": {"Aliases": ["a", "b"], "IPAMConfig": {"IPv4Address": "1.2.3.4"}},
        "m": {},
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--rm", "--restart", "always"],
            "conflicting options: cannot specify both --restart and --rm",
        ),
        (["--pid", "x"], "--pid: invalid PID mode"),
        (["--pid", "container:"], "--pid: invalid PID mode"),
        (
            ["--memory-swappiness", "101"],
            "invalid value: 101. Valid memory swappiness range is 0-100",
        ),
        (["-p", "abc"], "invalid containerPort: abc"),
        (["-p", "1-3:5-6"], "invalid ranges specified for container and host Ports: 5-6 and 1-3"),
        (["-p", "80:80:80:80"], "invalid IP address: 80:80"),
        (["-p", "80/foo"], "invalid proto: foo"),
        (["--device", "/dev/null:/x:q"], "bad mode specified: q"),
        (["--env-file", "/nope"], "open /nope: no such file or directory"),
        (["--security-opt", "x"], 'Invalid --security-opt: "x"'),
        (["--storage-opt", "x"], "invalid storage option"),
        (["--network", "x", "--network", "x"], 'network "x" is specified multiple times'),
        (
            ["--health-cmd", "x", "--no-healthcheck"],
            "--no-healthcheck conflicts with --health-* options",
        ),
        (["--mac-address", "x"], "x is not a valid mac address"),
    ],
)
def test_what_the_client_refuses(words: list[str], message: str) -> None:
    with pytest.raises(Failure) as caught:
        request(*words)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mount", "type=bind"], "target is required"),
        (["--mount", "x"], "invalid field 'x' must be a key=value pair"),
        (
            ["--mount", "type=tmpfs,dst=/x,bind-propagation=private"],
            "cannot mix 'bind-*' options with mount type 'tmpfs'",
        ),
        (["--ulimit", "foo=1"], "invalid ulimit type: foo"),
        (["--sysctl", "x"], "sysctl 'x' is not allowed"),
        (
            ["--gpus", "x"],
            'invalid count (x): value must be either "all" or an integer: invalid syntax',
        ),
        (["-e", "=x"], "invalid environment variable: =x"),
        (["-a", "foo"], "valid streams are STDIN, STDOUT and STDERR"),
    ],
)
def test_flags_that_are_wrong(words: list[str], message: str) -> None:
    with pytest.raises(UsageFailure) as caught:
        request(*words)
    assert caught.value.message.endswith(f"flag: {message}")
