"""rdma: handles and objects per device; the same file in versions 1 and 2 (cgroup-v1/rdma.rst)."""

from __future__ import annotations

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FIELDS = (("hcaHandles", "hca_handle"), ("hcaObjects", "hca_object"))


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Write `resources["rdma"]`: device -> {"hcaHandles", "hcaObjects"}."""
    for device, limits in (resources.get("rdma") or {}).items():
        pairs = [f"{name}={limits[key]}" for key, name in FIELDS if limits.get(key) is not None]
        interface.write(directory, "rdma.max", " ".join([device, *pairs]))


def stats(directory: str) -> dict[str, Any]:
    """Nothing is reported."""
    return {}
