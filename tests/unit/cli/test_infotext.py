"""What `wherry info` says, line by line as docker's."""

from __future__ import annotations

from wherry.cli import infotext


def test_devices_stand_behind_the_plugins() -> None:
    info = {
        "Plugins": {"Log": ["local"]},
        "CDISpecDirs": ["/etc/cdi", "/var/run/cdi"],
        "DiscoveredDevices": [{"Source": "cdi", "ID": "vendor.com/card=0"}],
        "Swarm": {"LocalNodeState": "inactive"},
    }
    lines = infotext.server_lines(info)
    first = lines.index(" CDI spec directories:")
    assert lines[first - 1] == "  Log: local"
    assert lines[first : first + 6] == [
        " CDI spec directories:", "  /etc/cdi", "  /var/run/cdi",
        " Discovered Devices:", "  cdi: vendor.com/card=0", " Swarm: inactive",
    ]  # fmt: skip


def test_nothing_is_said_of_devices_that_there_are_not() -> None:
    assert not any("CDI" in line for line in infotext.server_lines({"CDISpecDirs": []}))
