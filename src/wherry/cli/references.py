"""Image names as people type them: the check that docker's client does before it asks."""

from __future__ import annotations

from wherry.cli.failures import Failure

_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_SEPARATORS = frozenset("._-")
_TAG = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


def check_reference(text: str) -> tuple[str, str]:
    """(name, tag) of `[host/]name[:tag]`; the tag may be "". Raises `Failure`."""
    name, tag = _split(text)
    path = name.partition("/")[2] if _has_host(name) else name
    if path != path.lower():
        shown = path if _has_host(name) or "/" in path else f"library/{path}"
        raise _bad(text, f"repository name ({shown}) must be lowercase")
    parts = path.split("/")
    tag_fits = len(tag) <= 128 and not set(tag) - _TAG and tag[:1] not in (".", "-")
    if not tag_fits or not all(_is_part(part) for part in parts) or text.endswith(":"):
        raise _bad(text)
    return name, tag


def _split(text: str) -> tuple[str, str]:
    head, colon, tag = text.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (text, "")


def _has_host(name: str) -> bool:
    first, slash, _ = name.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")


def _is_part(part: str) -> bool:
    if not part or part[0] not in _LOWER or part[-1] not in _LOWER:
        return False
    return not set(part) - _LOWER - _SEPARATORS


def _bad(text: str, why: str = "") -> Failure:
    detail = f": {why}" if why else ""
    return Failure(
        f'Error parsing reference: "{text}" is not a valid repository/tag:'
        f" invalid reference format{detail}"
    )
