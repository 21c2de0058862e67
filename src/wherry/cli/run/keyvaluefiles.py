"""`--env-file` and `--label-file`: one `NAME=value` (or `NAME`) a line."""

from __future__ import annotations

import os

from wherry.cli.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def read_variables(path: str, environ: Mapping[str, str] | None) -> list[str]:
    """Lines of the file, comments and empty ones dropped.

    With `environ`, a bare name takes its value from there and is dropped when it has none.
    Raises `Failure` naming the file and what is wrong in it.
    """
    found: list[str] = []
    for line in _lines(path):
        name, equals, value = line.partition("=")
        if not name:
            raise Failure(f"invalid env file ({path}): no variable name on line '{line}'")
        if any(char.isspace() for char in name):
            raise Failure(f"invalid env file ({path}): variable '{name}' contains whitespaces")
        if equals:
            found.append(f"{name}={value}")
        elif environ is None:
            found.append(name)
        elif name in environ:
            found.append(f"{name}={environ[name]}")
    return found


def _lines(path: str) -> list[str]:
    try:
        text = _read(path).decode("utf-8")
    except OSError as error:
        raise Failure(f"open {path}: {(error.strerror or '').lower()}") from None
    except UnicodeDecodeError:
        raise Failure(f"env file {path} contains invalid utf8 bytes") from None
    stripped = (line.lstrip(" \t").rstrip("\r") for line in text.removeprefix("\ufeff").split("\n"))
    return [line for line in stripped if line and not line.startswith("#")]


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(fd, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def key_values(pairs: list[str]) -> dict[str, str]:
    """`name=value` texts as a dict, the last one of a name wins; a bare name has ""."""
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
