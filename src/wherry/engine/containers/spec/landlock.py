"""`--security-opt landlock=...`: an extra wall, of rules that allow and deny all else.

    landlock=ro:/usr,rw:/data,connect:443     as text, comma separated, as often as wanted
    landlock={"ro": ["/usr"], ...}            as JSON, with the same words as keys

| word | what it allows |
|---|---|
| ro:PATH | read, list and execute: what a read-only mount would |
| rw:PATH | and write, make, remove, rename: what a writable mount would |
| ro-noexec:PATH, rw-noexec:PATH | the same without execution |
| bind:PORT, connect:PORT | TCP; "none" for no port at all |
| scope:signal, scope:abstract-unix | nothing: signals, abstract sockets of others are denied |

Only what has a rule is denied elsewhere: rules for paths leave TCP alone, and the reverse. A path
that begins with "-" may be missing. The rules are decision 230.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wherry.errors import Invalid, Unsupported
from wherry.kernel import landlock as kernel

_READ: Final = kernel.READ_FILE | kernel.READ_DIR
_ALL: Final = kernel.handled_files(kernel.ABI_IOCTL)
ACCESS: Final[Mapping[str, int]] = {
    "ro": _READ | kernel.EXECUTE,
    "rw": _ALL,
    "ro-noexec": _READ,
    "rw-noexec": _ALL & ~kernel.EXECUTE,
}
PORTS: Final[Mapping[str, int]] = {"bind": kernel.BIND_TCP, "connect": kernel.CONNECT_TCP}
SCOPES: Final[Mapping[str, int]] = {
    "abstract-unix": kernel.SCOPE_ABSTRACT_UNIX_SOCKET,
    "signal": kernel.SCOPE_SIGNAL,
}
WORDS: Final = (*ACCESS, *PORTS, "scope")

_DEVICES: Final = ("null", "zero", "full", "random", "urandom", "tty", "console", "pts")
"""Nodes of /dev that every program may need and that lead nowhere."""
_DEVICE_ACCESS: Final = _READ | kernel.WRITE_FILE | kernel.TRUNCATE | kernel.IOCTL_DEV

Ruleset = tuple[tuple[int, int, int], list[tuple[str, int, bool]], list[tuple[int, int]]]
"""What `wherry.runtime.steps.landlock.restrict` takes."""


@dataclass(frozen=True, slots=True)
class Landlock:
    """What was asked for: rows of paths and ports, and which accesses have rows at all.

    `paths`: (path, access, whether it must be there); None: access to files is not restricted.
    `ports`: (port, access); `handled_ports` and `scopes` are bits of the kernel's.
    """

    paths: tuple[tuple[str, int, bool], ...] | None = None
    ports: tuple[tuple[int, int], ...] = ()
    handled_ports: int = 0
    scopes: int = 0


def parse(texts: Sequence[str]) -> Landlock | None:
    """Read the values of all `landlock=` options together. Raises Invalid."""
    if not texts:
        return None
    paths: list[tuple[str, int, bool]] | None = None
    ports: list[tuple[int, int]] = []
    handled_ports = scopes = 0
    for word, values in _rows(texts):
        if word in ACCESS:
            paths = [*(paths or ()), *(_path(value, ACCESS[word]) for value in values)]
        elif word in PORTS:
            handled_ports |= PORTS[word]
            ports += [(_port(value), PORTS[word]) for value in values if value != "none"]
        else:
            scopes |= _scopes(values)
    if paths is None and not handled_ports and not scopes:
        raise Invalid("invalid --security-opt landlock: it has no rule", hint=_HINT)
    return Landlock(None if paths is None else tuple(paths), tuple(ports), handled_ports, scopes)


def ruleset(wanted: Landlock, version: int, programs: Iterable[str] = ()) -> Ruleset:
    """The rules for a kernel with that version of Landlock. Raises Unsupported.

    `programs` are files of the engine's that are executed in the container.
    """
    for needed, asked in ((1, True), (kernel.ABI_TCP, wanted.handled_ports),
                          (kernel.ABI_SCOPES, wanted.scopes)):  # fmt: skip
        if asked and version < needed:
            raise Unsupported(_missing(version, needed))
    files = 0 if wanted.paths is None else kernel.handled_files(version)
    paths = list(wanted.paths or ())
    if wanted.paths is not None:
        paths += [(f"/dev/{name}", _DEVICE_ACCESS, False) for name in _DEVICES]
        paths += [(path, _READ | kernel.EXECUTE, False) for path in programs]
    return (files, wanted.handled_ports, wanted.scopes), paths, list(wanted.ports)


def warnings(wanted: Landlock | None, version: int) -> list[str]:
    """What the kernel's version of Landlock cannot deny although files are restricted."""
    if wanted is None or wanted.paths is None or version >= kernel.ABI_IOCTL:
        return []
    missing = "device ioctls" if version >= kernel.ABI_TRUNCATE else "truncation, device ioctls"
    text = f"--security-opt landlock: version {version} of the kernel's Landlock cannot deny"
    return [f"{text} {missing}; newer kernels can"]


_HINT: Final = "write landlock=ro:/usr,rw:/data or give a file with JSON"


def _missing(version: int, needed: int) -> str:
    if not version:
        return "--security-opt landlock: this kernel has no Landlock, or it is not in its lsm= list"
    what = "TCP ports" if needed == kernel.ABI_TCP else "scopes"
    text = f"--security-opt landlock: rules for {what} need version {needed} of the kernel's"
    return f"{text} Landlock, this is version {version}"


def _rows(texts: Sequence[str]) -> Iterable[tuple[str, list[str]]]:
    for text in texts:
        if text.lstrip().startswith("{"):
            yield from _json_rows(text)
        else:
            for item in text.split(","):
                word, separator, value = item.partition(":")
                if word not in WORDS or not separator or not value:
                    raise Invalid(f'invalid --security-opt landlock: "{item}"', hint=_HINT)
                yield word, [value]


def _json_rows(text: str) -> Iterable[tuple[str, list[str]]]:
    try:
        found: Any = json.loads(text)
    except ValueError as error:
        raise Invalid(f"decoding landlock rules failed: {error}", hint=_HINT) from None
    for word, values in found.items():
        if word not in WORDS or not isinstance(values, list):
            raise Invalid(
                f'invalid --security-opt landlock: "{word}"', hint=f"keys are {', '.join(WORDS)}"
            )
        yield word, [str(value) for value in values]


def _path(text: str, access: int) -> tuple[str, int, bool]:
    path = text.removeprefix("-")
    if not path.startswith("/") or "\0" in path or ".." in path.split("/"):
        raise Invalid(
            f'invalid --security-opt landlock: "{text}" is no absolute path in the container',
            hint="an absolute path without ..; a leading - lets it be missing",
        )
    return path, access, not text.startswith("-")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise Invalid(f'invalid --security-opt landlock: "{text}" is no TCP port')
    return int(text)


def _scopes(values: Sequence[str]) -> int:
    bits = 0
    for value in values:
        if value not in SCOPES:
            raise Invalid(
                f'invalid --security-opt landlock: unknown scope "{value}"',
                hint=f"scopes are {', '.join(SCOPES)}",
            )
        bits |= SCOPES[value]
    return bits
