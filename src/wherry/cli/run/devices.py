"""`--device host[:container][:rwm]` and the per-device limits."""

from __future__ import annotations

from wherry.cli.failures import Failure
from wherry.cli.flagvalues import size
from wherry.cli.run import gpus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.flags import Options

_LIMITS = (
    ("device-read-bps", "BlkioDeviceReadBps"),
    ("device-write-bps", "BlkioDeviceWriteBps"),
    ("device-read-iops", "BlkioDeviceReadIOps"),
    ("device-write-iops", "BlkioDeviceWriteIOps"),
)


def device_settings(options: Options) -> dict[str, Any]:
    """Devices, DeviceRequests, DeviceCgroupRules and the block I/O limits of HostConfig."""
    given = options.list("device")
    settings: dict[str, Any] = {
        "Devices": [parse_device(text) for text in given if not _is_qualified(text)],
        "DeviceRequests": [
            *(gpus.request(text) for text in options.list("gpus")),
            *_requests([text for text in given if _is_qualified(text)]),
        ],
        "DeviceCgroupRules": options.list("device-cgroup-rule"),
        "BlkioWeightDevice": [_weight(t) for t in options.list("blkio-weight-device")],
    }
    for flag, key in _LIMITS:
        settings[key] = [_rate(text) for text in options.list(flag)]
    return settings


def parse_device(text: str) -> dict[str, str]:
    """The API's DeviceMapping."""
    parts = text.split(":")
    if not parts[0] or len(parts) > 3:
        raise Failure(f"bad format for path: {text}")
    source, target, mode = parts[0], parts[0], "rwm"
    if len(parts) == 3:
        target, mode = parts[1] or source, parts[2]
        if not _is_mode(mode):
            raise Failure(f"bad mode specified: {mode}")
    elif len(parts) == 2 and _is_mode(parts[1]):
        mode = parts[1]
    elif len(parts) == 2:
        target = parts[1]
    return {"PathOnHost": source, "PathInContainer": target, "CgroupPermissions": mode}


def _is_mode(text: str) -> bool:
    return bool(text) and not text.strip("rwm") and len(set(text)) == len(text)


def _is_qualified(text: str) -> bool:
    """Whether it is a CDI name, vendor/class=device."""
    return not text.startswith("/") and "=" in text and "/" in text.partition("=")[0]


def _requests(names: list[str]) -> list[dict[str, Any]]:
    return [{"Driver": "cdi", "DeviceIDs": names}] if names else []


def _weight(text: str) -> dict[str, Any]:
    path, _, weight = text.partition(":")
    return {"Path": path, "Weight": int(weight)}


def _rate(text: str) -> dict[str, Any]:
    path, _, rate = text.partition(":")
    return {"Path": path, "Rate": size(rate)}
