"""`--security-opt`, part of which the client resolves: profiles and rules are files here."""

from __future__ import annotations

from wherry.cli.failures import Failure
from wherry.jsontext import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_UNCONFINED_PATHS = "systempaths=unconfined"
_SWITCHES = ("no-new-privileges", "writable-cgroups")
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
    if key in _SWITCHES:
        return text
    if not found or not value:
        raise Failure(f'Invalid --security-opt: "{text}"')
    if key == "seccomp" and value not in _NAMED_PROFILES:
        return f"seccomp={_json(value, 'seccomp profile')}"
    if key == "landlock" and not _is_rule(value):
        return f"landlock={_json(value, 'landlock rules')}"
    return text


def _is_rule(value: str) -> bool:
    """Whether it is rules, misspelt ones too, and no name of a file that has them."""
    word, colon, _ = value.partition(":")
    return value.startswith("{") or (colon != "" and word.replace("-", "").isalpha())


def _json(path: str, what: str) -> str:
    """The file's content without needless space, as docker sends a profile. Raises Failure."""
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise Failure(
            f"opening {what} ({path}) failed: open {path}: {(error.strerror or '').lower()}"
        ) from None
    try:
        return encode(decode(raw))
    except ValueError as error:
        raise Failure(f"compacting json for {what} ({path}) failed: {error}") from None
