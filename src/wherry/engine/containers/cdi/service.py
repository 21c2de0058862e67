"""CDI for the engine: what is asked of it, over the directories of the daemon's settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wherry.engine.containers.cdi.registry import Registry
    from wherry.engine.containers.resources import DeviceRequest


class DeviceInterface:
    """Nothing is imported or read before somebody asks for a device."""

    def __init__(self, directories: Sequence[str]) -> None:
        self.directories = tuple(directories)

    def discovered(self) -> list[str]:
        """Names of all devices that there are now, sorted."""
        return sorted(self._registry().devices)

    def check(self, requests: Sequence[DeviceRequest] | None) -> None:
        """Raises Invalid, Unsupported for what cannot be given."""
        if requests:
            self._find(requests)

    def inject(
        self, spec: dict[str, Any], requests: Sequence[DeviceRequest] | None, *, hooks: bool
    ) -> list[str]:
        """See `injection.inject`."""
        if not requests:
            return []
        from wherry.engine.containers.cdi.injection import inject

        return inject(spec, self._find(requests), hooks=hooks)

    def _find(self, requests: Sequence[DeviceRequest]) -> Any:
        from wherry.engine.containers.cdi.requests import names

        registry = self._registry()
        return registry.find(names(requests, registry))

    def _registry(self) -> Registry:
        from wherry.engine.containers.cdi.registry import read

        return read(self.directories)
