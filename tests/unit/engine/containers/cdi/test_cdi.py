"""CDI files, the devices in them, and what these do to a container."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wherry.engine.containers.cdi import injection, requests
from wherry.engine.containers.cdi.registry import Registry, read
from wherry.engine.containers.cdi.values import Device, devices
from wherry.engine.containers.resources import DeviceRequest
from wherry.errors import Invalid, Unsupported

NODE = {"path": "/dev/here", "hostPath": "/dev/null"}


def document(**changes: Any) -> dict[str, Any]:
    own = {"env": ["CARD=0"], "deviceNodes": [NODE]}
    return {
        "cdiVersion": "0.6.0",
        "kind": "vendor.com/card",
        "devices": [{"name": "0", "containerEdits": own}],
        "containerEdits": {"env": ["VENDOR=yes"]},
        **changes,
    }


def write(directory: Path, name: str, content: object) -> None:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(content if isinstance(content, str) else json.dumps(content))


def edited(edits: dict[str, Any], *, hooks: bool = False) -> tuple[dict[str, Any], list[str]]:
    (device,) = devices(document(devices=[{"name": "0", "containerEdits": edits}]))
    spec = {
        "process": {"env": ["PATH=/bin", "CARD=none"]},
        "mounts": [{"destination": "/lib/a", "source": "/x"}],
        "linux": {"devices": [], "resources": {"devices": [{"allow": False}]}},
    }
    return spec, injection.inject(spec, [device], hooks=hooks)


def test_files_of_both_kinds(tmp_path: Path) -> None:
    write(tmp_path, "a.json", document())
    write(tmp_path, "b.yaml", "cdiVersion: 0.5.0\nkind: other.org/nic\ndevices: [{name: all}]\n")
    write(tmp_path, "c.txt", "nothing")
    registry = read([str(tmp_path), str(tmp_path / "missing")])
    assert sorted(registry.devices) == ["other.org/nic=all", "vendor.com/card=0"]
    assert not registry.problems


def test_a_later_directory_goes_before_an_earlier(tmp_path: Path) -> None:
    for name, value in (("low", "1"), ("high", "2")):
        write(tmp_path / name, "a.json", document(containerEdits={"env": [f"A={value}"]}))
    registry = read([str(tmp_path / "low"), str(tmp_path / "high")])
    assert registry.devices["vendor.com/card=0"].edits[0].env == ("A=2",)


def test_what_two_files_describe_is_nobody_s(tmp_path: Path) -> None:
    write(tmp_path, "a.json", document())
    write(tmp_path, "b.json", document())
    with pytest.raises(Invalid, match="unresolvable CDI devices vendor") as refused:
        read([str(tmp_path)]).find(["vendor.com/card=0"])
    assert "is described by another file, too" in str(refused.value.hint)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "Expecting property name"),
        ([], "the file is no object"),
        (document(cdiVersion="9.9.9"), "cdiVersion '9.9.9' is none of"),
        (document(kind="card"), "is no vendor.com/class"),
        (document(more=1), "the unknown more"),
        (document(devices=[{"name": "a b"}]), "is no name of a device"),
        (document(devices={}), "devices is no list"),
        (document(containerEdits={"env": ["x"]}), "is no NAME=VALUE"),
        (document(containerEdits={"deviceNodes": [{"path": "x"}]}), "is no absolute path"),
        (document(containerEdits={"deviceNodes": [{**NODE, "permissions": "rx"}]}), "none of r, w"),
        (document(containerEdits={"deviceNodes": [{**NODE, "type": "d"}]}), "none of b, c"),
        (document(containerEdits={"deviceNodes": [{**NODE, "major": "1"}]}), "major is no number"),
        (document(containerEdits={"additionalGids": [-1]}), "additionalGids are numbers"),
        (document(containerEdits={"intelRdt": {"closID": "x"}}), "intelRdt is not supported"),
    ],
)
def test_a_wrong_file_hides_only_its_own(tmp_path: Path, content: object, words: str) -> None:
    write(tmp_path, "good.json", document(kind="good.com/card"))
    write(tmp_path, "wrong.json", content)
    registry = read([str(tmp_path)])
    assert list(registry.devices) == ["good.com/card=0"]
    (problem,) = registry.problems
    assert problem.startswith(f"{tmp_path}/wrong.json: ")
    assert words in problem


def test_yaml_that_is_none(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "a: [")
    assert len(read([str(tmp_path)]).problems) == 1


def test_edits() -> None:
    mounts = [
        {"hostPath": "/usr/lib/b", "containerPath": "/lib/a", "options": ["ro"]},
        {"hostPath": "tmpfs", "containerPath": "/t", "type": "tmpfs"},
    ]
    edits = {"env": ["CARD=0"], "deviceNodes": [NODE], "mounts": mounts, "additionalGids": [0, 7]}
    made, groups = edited(edits)
    assert groups == ["7"]
    assert made["process"]["env"] == ["PATH=/bin", "VENDOR=yes", "CARD=0"]
    (node,) = made["linux"]["devices"]
    assert (node["path"], node["type"], node["major"], node["minor"]) == ("/dev/here", "c", 1, 3)
    rule = {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}
    assert made["linux"]["resources"]["devices"] == [{"allow": False}, rule]
    assert made["mounts"] == [
        {"type": "bind", "source": "/usr/lib/b", "destination": "/lib/a",
         "options": ["rbind", "ro"]},
        {"type": "tmpfs", "source": "tmpfs", "destination": "/t", "options": []},
    ]  # fmt: skip


def test_hooks_are_for_runtimes_that_run_them() -> None:
    hook = {"hookName": "createContainer", "path": "/bin/true", "args": ["true"]}
    with pytest.raises(Unsupported, match="needs hooks"):
        edited({"hooks": [hook]})
    made, _ = edited({"hooks": [hook]}, hooks=True)
    assert made["hooks"] == {"createContainer": [{"path": "/bin/true", "args": ["true"]}]}


def test_a_node_that_the_host_does_not_have() -> None:
    for path, words in (("/dev/no-such", "no such file"), ("/etc", "is no device node")):
        with pytest.raises(Invalid, match=words):
            edited({"deviceNodes": [{"path": path}]})


def asked(**fields: Any) -> list[str]:
    """Names of devices where there are two of NVIDIA's cards."""
    cards = {f"nvidia.com/gpu={name}": Device(name, ()) for name in ("0", "1", "all")}
    return requests.names([DeviceRequest(**fields)], Registry(cards))


def test_which_devices_are_meant() -> None:
    assert asked(driver="cdi", device_ids=("a.com/b1=c",)) == ["a.com/b1=c"]
    gpu = {"capabilities": (("gpu",),)}
    assert asked(count=-1, **gpu) == ["nvidia.com/gpu=all"]
    assert asked(count=2, **gpu) == ["nvidia.com/gpu=0", "nvidia.com/gpu=1"]
    assert asked(driver="nvidia", device_ids=("1",), **gpu) == ["nvidia.com/gpu=1"]
    with pytest.raises(Unsupported, match=r'could not select device driver "amd".*\[\[gpu\]\]'):
        asked(driver="amd", **gpu)
    with pytest.raises(Invalid, match="invalid CDI device"):
        asked(driver="cdi", device_ids=("card0",))
    with pytest.raises(Invalid, match="count, capabilities and options"):
        asked(driver="cdi", device_ids=("a.com/b1=c",), count=1)
