"""`--security-opt`, part of which the client resolves: seccomp profiles are files here."""

from __future__ import annotations

from wherry.cli.failures import Failure
from wherry.jsontext import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_UNCONFINED_PATHS = "systempaths=unconfined"
_NO_NEW_PRIVILEGES = "no-new-privileges"
_NAMED_PROFILES = ("builtin", "unconfined")


def security_options(given: list[str]) -> dict[str, Any]:
    """SecurityOpt, and MaskedPaths and ReadonlyPaths where they are to be empty."""
    settings: dict[str, Any] = {}
    if _UNCONFINED_PATHS in given:
        settings |= {"MaskedPaths": [], "ReadonlyPaths": []}
    options = [_option(text) for text in given if text != _UNCONFINED_PATHS]
    return settings | ({"SecurityOpt": options} if options else {})


def _option(text: str) -> str:
    separator = "=" if "=" in text else ":"
    key, found, value = text.partition(separator)
    if key == _NO_NEW_PRIVILEGES:
        return text
    if not found or not value:
        raise Failure(f'Invalid --security-opt: "{text}"')
    if key == "seccomp" and value not in _NAMED_PROFILES:
        return f"seccomp={_profile(value)}"
    return text


def _profile(path: str) -> str:
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise Failure(
            f"opening seccomp profile ({path}) failed: open {path}:"
            f" {(error.strerror or '').lower()}"
        ) from None
    try:
        return encode(decode(raw))
    except ValueError as error:
        raise Failure(f"compacting json for seccomp profile ({path}) failed: {error}") from None
