"""Log drivers by their names: what is kept of a container's output, and where.

Who names no driver gets a bounded log of the engine's own format. Inspect calls it `json-file`, as
Docker's default is called, because clients decide by that word whether a log can be read
(docker-py does); its LogPath is empty. Who names `json-file` gets Docker's file at Docker's place
as well, with the same bounds unless options say otherwise. `local` is the bounded log by Docker's
own name for one, `none` keeps nothing (docs/decisions/062-log-drivers.md).
"""

from __future__ import annotations

from dataclasses import replace
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
    named = bool(container.log_path)
    return target_of(container.host_config.log_config, container.directory, json_file=named)


def log_path(config: LogConfig, directory: str, id: str) -> str:
    """Docker's file where the user named its driver, else ""."""
    return f"{directory}/{id}-json.log" if config.type == "json-file" else ""


def target_of(config: LogConfig, directory: str, *, json_file: bool) -> LogTarget | None:
    """The same from the parts. Raises Invalid for options that make no sense."""
    options = config.config or {}
    if config.type == "none":
        return None
    target = (
        LogTarget(directory, driver="json-file") if json_file else LogTarget(f"{directory}/log")
    )
    if "max-size" in options:
        target = replace(target, max_size=parse_size(options["max-size"]))
    if "max-file" in options:
        target = replace(target, max_files=_count(options["max-file"]))
    return target


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


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise Invalid(f"max-file cannot be less than 1: '{text}'")
    return int(text)


def require_readable(container: Container) -> None:
    """Raise Unsupported where no log is kept, in Docker's words."""
    if container.host_config.log_config.type == "none":
        raise Unsupported("configured logging driver does not support reading")
