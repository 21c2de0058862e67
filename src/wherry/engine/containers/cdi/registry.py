"""The CDI files of this host, read anew for each use: vendors' tools rewrite them at any time.

Directories have priorities, the last one the highest; a device that two files of one directory
describe is nobody's. A file that is wrong hides its own devices and no others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from wherry.engine.containers.cdi.values import Device, devices
from wherry.errors import Invalid

SPEC_DIRECTORIES: Final = ("/etc/cdi", "/var/run/cdi")
"""CDI's own defaults: written by people, and by services at boot."""
_ENDINGS: Final = (".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Registry:
    """The devices by name, and what is wrong with the files that could not be used."""

    devices: Mapping[str, Device]
    problems: Sequence[str] = field(default_factory=tuple)

    def find(self, names: Sequence[str]) -> list[Device]:
        """The devices of these names. Raises Invalid in Docker's words."""
        missing = [name for name in names if name not in self.devices]
        if missing:
            raise Invalid(
                f"CDI device injection failed: unresolvable CDI devices {', '.join(missing)}",
                hint="; ".join(self.problems) or _known(self.devices),
            )
        return [self.devices[name] for name in dict.fromkeys(names)]


def _known(devices: Mapping[str, Device]) -> str:
    if not devices:
        return "no file of the daemon's cdi-spec-dirs describes any device"
    return f"there are {', '.join(sorted(devices))}"


def read(directories: Sequence[str]) -> Registry:
    """All devices of the files in these directories."""
    found: dict[str, Device] = {}
    problems: list[str] = []
    for directory in directories:
        here: dict[str, Device] = {}
        doubled: set[str] = set()
        for path in _files(directory):
            try:
                described = list(devices(_document(path)))
            except (OSError, ValueError) as error:
                problems.append(f"{path}: {error}")
                continue
            for device in described:
                if device.name in here:
                    doubled.add(device.name)
                    problems.append(f"{path}: {device.name} is described by another file, too")
                here[device.name] = device
        found |= here
        for name in doubled:
            del found[name]
    return Registry(found, tuple(problems))


def _files(directory: str) -> list[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return []
    return [f"{directory}/{name}" for name in names if name.endswith(_ENDINGS)]


def _document(path: str) -> object:
    """What is in a file. Raises OSError, ValueError."""
    with open(path, encoding="utf-8") as file:
        if path.endswith(".json"):
            return json.load(file)
        import yaml  # type: ignore[import-untyped]

        try:
            return yaml.safe_load(file)
        except yaml.YAMLError as error:
            raise ValueError(" ".join(str(error).split())) from None
