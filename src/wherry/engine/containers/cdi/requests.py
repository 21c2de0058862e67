"""Which devices the requests of a container mean (`--device vendor.com/class=name`, `--gpus`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from wherry.engine.containers.cdi.values import is_name
from wherry.errors import Invalid, Unsupported

if TYPE_CHECKING:
    from wherry.engine.containers.cdi.registry import Registry
    from wherry.engine.containers.resources import DeviceRequest

DRIVER: Final = "cdi"
_GPU: Final = "nvidia.com/gpu"
"""The kind that NVIDIA's tools describe their cards by, `=all` among the names."""


def names(requests: Sequence[DeviceRequest], registry: Registry) -> list[str]:
    """Full names of all devices. Raises Invalid, Unsupported in Docker's words."""
    return [name for request in requests for name in _names(request, registry)]


def _names(request: DeviceRequest, registry: Registry) -> list[str]:
    if request.driver == DRIVER:
        return _qualified(request)
    kinds = {word for group in request.capabilities or () for word in group}
    has_gpus = any(name.startswith(f"{_GPU}=") for name in registry.devices)
    if request.driver in ("", "nvidia") and "gpu" in kinds and has_gpus:
        return [f"{_GPU}={id}" for id in _gpus(request)]
    wanted = ", ".join("+".join(group) for group in request.capabilities or ())
    raise Unsupported(
        f'could not select device driver "{request.driver}" with capabilities: [[{wanted}]]',
        hint=f"devices are given by CDI: a file of the daemon's cdi-spec-dirs describes {_GPU}",
    )


def _qualified(request: DeviceRequest) -> list[str]:
    given = list(request.device_ids or ())
    if request.count or request.capabilities or request.options:
        raise Invalid("CDI devices are named: count, capabilities and options mean nothing to them")
    for name in given:
        if not is_name(name):
            raise Invalid(f"invalid CDI device {name!r}", hint="write vendor.com/class=name")
    return given


def _gpus(request: DeviceRequest) -> list[str]:
    if request.count and request.device_ids:
        raise Invalid("cannot set both Count and DeviceIDs on device request")
    if request.device_ids:
        return list(request.device_ids)
    if request.count < 0:
        return ["all"]
    return [str(number) for number in range(request.count)]
