"""`--change` of import and commit: Dockerfile instructions applied to an image's config."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from wherry.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Config = dict[str, Any]

_SHELL = ["/bin/sh", "-c"]
_PORT = re.compile(r"(\d+)(?:-(\d+))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9}
_UNITS["h"] = 3600 * 10**9
_HEALTH_FLAGS = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start-period": "StartPeriod",
    "start-interval": "StartInterval",
}


def apply(changes: Sequence[str], config: Config) -> Config:
    """The config (Docker's JSON names) after the instructions; raises Invalid."""
    result = dict(config)
    for line in changes:
        word, _, rest = line.strip().partition(" ")
        change = _INSTRUCTIONS.get(word.upper())
        if change is None:
            raise Invalid(
                f"{word} is not a valid change command",
                hint=f"one of {', '.join(sorted(_INSTRUCTIONS))}",
            )
        if not rest.strip():
            raise Invalid(f"{word.upper()} requires at least one argument")
        change(result, rest.strip())
    return result


def _command(rest: str) -> list[str]:
    """The JSON form, else words for the shell."""
    words = _json_words(rest)
    return [*_SHELL, rest] if words is None else words


def _json_words(rest: str) -> list[str] | None:
    if not rest.startswith("["):
        return None
    try:
        words = json.loads(rest)
    except ValueError:
        return None
    is_list = isinstance(words, list) and all(isinstance(word, str) for word in words)
    return words if is_list else None


def _cmd(config: Config, rest: str) -> None:
    config["Cmd"] = _command(rest)


def _entrypoint(config: Config, rest: str) -> None:
    config["Entrypoint"] = _command(rest)


def _words(name: str, rest: str) -> list[str]:
    try:
        return shlex.split(rest)
    except ValueError as error:
        raise Invalid(f"{name} {rest}: {error}") from error


def _pairs(name: str, rest: str) -> list[tuple[str, str]]:
    """`key=value key="two words"`, or the old form `key the whole rest`."""
    first = rest.split(None, 1)
    if "=" not in first[0]:
        if len(first) < 2:
            raise Invalid(f"{name} must have two arguments")
        return [(first[0], first[1])]
    pairs: list[tuple[str, str]] = []
    for word in _words(name, rest):
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise Invalid(
                f"Syntax error - can't find = in {word!r}. Must be of the form: name=value"
            )
        pairs.append((key, value))
    return pairs


def _env(config: Config, rest: str) -> None:
    pairs = _pairs("ENV", rest)
    names = {key for key, _ in pairs}
    kept = [entry for entry in config.get("Env") or [] if entry.partition("=")[0] not in names]
    config["Env"] = kept + [f"{key}={value}" for key, value in pairs]


def _label(config: Config, rest: str) -> None:
    config["Labels"] = {**(config.get("Labels") or {}), **dict(_pairs("LABEL", rest))}


def _expose(config: Config, rest: str) -> None:
    ports = dict(config.get("ExposedPorts") or {})
    for word in rest.split():
        ports.update({port: {} for port in _ports(word)})
    config["ExposedPorts"] = ports


def _ports(word: str) -> list[str]:
    match = _PORT.fullmatch(word)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if match is None or not 0 < first <= last <= 65535:
        raise Invalid(f"invalid containerPort: {word}")
    protocol = (match[3] or "tcp").lower()
    return [f"{port}/{protocol}" for port in range(first, last + 1)]


def _user(config: Config, rest: str) -> None:
    config["User"] = rest


def _volume(config: Config, rest: str) -> None:
    paths = _json_words(rest) or _words("VOLUME", rest)
    config["Volumes"] = {**(config.get("Volumes") or {}), **{path: {} for path in paths}}


def _workdir(config: Config, rest: str) -> None:
    base = "" if rest.startswith("/") else (config.get("WorkingDir") or "/").rstrip("/") + "/"
    config["WorkingDir"] = base + rest


def _stopsignal(config: Config, rest: str) -> None:
    config["StopSignal"] = rest


def _onbuild(config: Config, rest: str) -> None:
    word = rest.split(None, 1)[0].upper()
    if word in ("ONBUILD", "FROM", "MAINTAINER"):
        raise Invalid(f"{word} isn't allowed as an ONBUILD trigger")
    config["OnBuild"] = [*(config.get("OnBuild") or []), rest]


def _healthcheck(config: Config, rest: str) -> None:
    health: dict[str, Any] = {}
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        _health_flag(health, *flag[2:].partition("=")[::2])
    kind, _, command = rest.partition(" ")
    if kind.upper() == "NONE":
        config["Healthcheck"] = {"Test": ["NONE"]}
        return
    if kind.upper() != "CMD" or not command.strip():
        raise Invalid(f"Unknown type {kind!r} in HEALTHCHECK (try CMD)")
    words = _json_words(command.strip())
    health["Test"] = ["CMD-SHELL", command.strip()] if words is None else ["CMD", *words]
    config["Healthcheck"] = health


def _health_flag(health: dict[str, Any], name: str, value: str) -> None:
    if name == "retries" and value.isdigit():
        health["Retries"] = int(value)
    elif name in _HEALTH_FLAGS:
        health[_HEALTH_FLAGS[name]] = _nanoseconds(value)
    else:
        raise Invalid(f"Unknown flag: --{name}={value} of HEALTHCHECK")


def _nanoseconds(text: str) -> int:
    """A duration as Go writes it: 1m30s."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Invalid(f"invalid duration {text!r}")
    return int(sum(float(number) * _UNITS[unit] for number, unit in parts))


_INSTRUCTIONS: dict[str, Callable[[Config, str], None]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "ONBUILD": _onbuild,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
