"""Log drivers by their names: what is kept of a container's output, and where.

There is one kind of log so far, bounded and in the engine's own format. Docker's name for such a
log is `local`. It also answers to `json-file`, the name of Docker's default, because clients decide
by that word whether a log can be read (docker-py does) and compose files ask for it; what is
missing is Docker's file, so that LogPath is empty. `none` keeps nothing.
(docs/decisions/062-log-drivers.md)
"""

from __future__ import annotations

from typing import Final

from wherry.engine.containers.config import LogConfig
from wherry.engine.containers.record import Container
from wherry.engine.containers.runtime import LogTarget
from wherry.errors import Invalid, Unsupported

DEFAULT: Final = "json-file"
DRIVERS: Final = ("json-file", "local", "none")

_BINARY: Final = {"k": 1024, "m": 1024**2, "g": 1024**3}


def log_target(container: Container) -> LogTarget | None:
    """Where the container's output goes; None for `none`. Raises Invalid."""
    return target_of(container.host_config.log_config, container.directory)


def target_of(config: LogConfig, directory: str) -> LogTarget | None:
    """The same from the parts. Raises Invalid for options that make no sense."""
    options = config.config or {}
    if config.type == "none":
        return None
    size = parse_size(options["max-size"]) if "max-size" in options else None
    count = _count(options.get("max-file"))
    defaults = LogTarget(f"{directory}/log")
    return LogTarget(defaults.directory, size or defaults.max_size, count or defaults.max_files)


def parse_size(text: str) -> int:
    """Bytes of a size such as `10m` (binary units, as Docker reads them). Raises Invalid."""
    digits = text.rstrip("bBkKmMgGiI")
    unit = text[len(digits) :].lower().rstrip("b").rstrip("i")
    if not digits.isdigit() or unit not in ("", *_BINARY):
        raise Invalid(f"invalid size: '{text}'", hint="write a number with k, m or g")
    size = int(digits) * _BINARY.get(unit, 1)
    if size <= 0:
        raise Invalid(f"invalid max-size: '{text}' must be positive")
    return size


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdigit() or int(text) < 1:
        raise Invalid(f"max-file cannot be less than 1: '{text}'")
    return int(text)


def require_readable(container: Container) -> None:
    """Raise Unsupported where no log is kept, in Docker's words."""
    if container.host_config.log_config.type == "none":
        raise Unsupported("configured logging driver does not support reading")
