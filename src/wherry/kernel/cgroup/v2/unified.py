"""OCI's `linux.resources.unified`: file names of version 2 and what goes into them."""

from __future__ import annotations

import errno

from wherry.kernel.cgroup import interface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def apply(directory: str, resources: dict[str, Any]) -> None:
    """Write each; OSError EINVAL for a name that is a path, ENOENT for one the kernel lacks."""
    for name, value in (resources.get("unified") or {}).items():
        if "/" in name:
            raise OSError(errno.EINVAL, f"unified resource {name!r} must be a file name, no path")
        interface.write_lines(directory, name, value.splitlines() or [""])
