"""Docker's types in and out of JSON, with Go's leniency and Go's messages."""

from __future__ import annotations

import json

import pytest

from wherry.engine.containers.config import (
    ContainerConfig,
    HostConfig,
    NetworkingConfig,
    PortBinding,
)
from wherry.errors import Invalid
from wherry.spec.jsondecode import decode
from wherry.spec.jsonencode import encode


def test_absent_null_and_empty_are_told_apart() -> None:
    config = decode(ContainerConfig, {"Env": [], "Cmd": None, "StopTimeout": 0, "Labels": {}})
    assert (config.env, config.cmd, config.entrypoint, config.labels) == ((), None, None, {})
    written = encode(config)
    assert written["Env"] == () and written["Cmd"] is None and written["Labels"] == {}
    assert written["StopTimeout"] == 0
    assert "Shell" not in written and "ExposedPorts" not in written


def test_keys_match_without_case_and_unknown_ones_are_ignored() -> None:
    assert decode(HostConfig, {"memory": 7, "Nonsense": [1]}).memory == 7


def test_a_single_string_is_a_command() -> None:
    assert decode(ContainerConfig, {"Cmd": "true"}).cmd == ("true",)


def test_every_host_field_survives_a_round_trip() -> None:
    value = {
        "Binds": ["/a:/b"],
        "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "81/udp": None},
        "ConsoleSize": [24, 80],
        "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}],
        "Mounts": [{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 5}}],
        "Init": False,
        "Sysctls": {"a": "b"},
    }
    host = decode(HostConfig, value)
    assert host.port_bindings == {"80/tcp": (PortBinding("", "8080"),), "81/udp": None}
    again = json.loads(json.dumps(encode(host)))
    assert {key: again[key] for key in value} == value
    assert decode(HostConfig, again) == host


def test_null_endpoint() -> None:
    config = decode(NetworkingConfig, {"EndpointsConfig": {"host": None}})
    assert config.endpoints_config == {"host": None}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Memory": "x"}, "cannot unmarshal string into Go struct field HostConfig.Memory of type"),
        ({"Memory": 1.5}, "cannot unmarshal number 1.5 into Go struct field HostConfig.Memory"),
        ({"Memory": True}, "cannot unmarshal bool into Go struct field HostConfig.Memory of type"),
        ({"Memory": 2**63}, "cannot unmarshal number 9223372036854775808 into Go struct field"),
        ({"BlkioWeight": 70000}, "cannot unmarshal number 70000 into Go struct field"),
        ({"Binds": [1]}, "cannot unmarshal number into Go struct field HostConfig.Binds of type"),
        ({"Binds": {}}, "HostConfig.Binds of type []string"),
        ({"LogConfig": []}, "cannot unmarshal array into Go struct field HostConfig.LogConfig of"),
        ({"Mounts": [{"BindOptions": {"Propagation": 1}}]}, "Mounts.BindOptions.Propagation of"),
        ([], "cannot unmarshal array into Go value of type container.HostConfig"),
    ],
)
def test_wrong_types_are_told_in_gos_words(value: object, message: str) -> None:
    with pytest.raises(Invalid) as error:
        decode(HostConfig, value, "container.HostConfig")
    assert str(error.value).startswith("json: cannot unmarshal ")
    assert message in str(error.value)


def test_a_lone_surrogate_becomes_a_replacement() -> None:
    config = decode(ContainerConfig, json.loads('{"User": "\\ud800", "Labels": {"\\udfff": "é"}}'))
    assert config.user.encode() and config.labels == {"?": "é"}
