"""Package mirrors as this machine's apt knows them: sources.list and deb822 .sources files.

Sources: sources.list(5), apt.conf(5).
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPTIONS = re.compile(r"\[[^\]]*\]")
_SCHEMES = ("http://", "https://", "file:")


@dataclass(frozen=True, slots=True)
class Source:
    """One place of binary packages: where, and which suites and components of it are used."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]


def configured(root: str = "/etc/apt") -> list[Source]:
    """The enabled sources of binary packages, in apt's order. What cannot be read is left out."""
    paths = [os.path.join(root, "sources.list")]
    parts = os.path.join(root, "sources.list.d")
    if os.path.isdir(parts):
        paths += [os.path.join(parts, name) for name in sorted(os.listdir(parts))]
    found: list[Source] = []
    for path in paths:
        parse = _PARSERS.get(os.path.splitext(path)[1])
        if parse is not None and os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                found += parse(file.read())
    return [source for source in found if source.uri.startswith(_SCHEMES)]


def parse_list(text: str) -> Iterator[Source]:
    """One-line form: `deb [options] uri suite component...`."""
    for line in text.splitlines():
        words = _OPTIONS.sub(" ", line.partition("#")[0]).split()
        if len(words) >= 3 and words[0] == "deb":
            yield Source(words[1].rstrip("/"), (words[2],), tuple(words[3:]))


def parse_deb822(text: str) -> Iterator[Source]:
    """Stanzas of `Field: value`, continued by indented lines."""
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in " \t":
                fields[name] = f"{fields.get(name, '')} {line.strip()}"
            else:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes") != "no":
            suites = tuple(fields.get("suites", "").split())
            for uri in fields.get("uris", "").split():
                yield Source(uri.rstrip("/"), suites, tuple(fields.get("components", "").split()))


_PARSERS = {".list": parse_list, ".sources": parse_deb822}


def mirror_of(sources: list[Source], distribution: str, suite: str) -> str:
    """The mirror for a suite: one that is used for it, else one of the distribution; or "".

    A mirror belongs to a distribution when its path ends in the distribution's name.
    """
    for source in sources:
        if suite in source.suites:
            return source.uri
    for source in sources:
        if source.uri.rpartition("/")[2] == distribution:
            return source.uri
    return ""


def companions(sources: list[Source], suite: str) -> list[tuple[str, str]]:
    """(uri, suite) of the updates and security suites that go with a suite, as configured."""
    return [
        (source.uri, name)
        for source in sources
        for name in source.suites
        if name in (f"{suite}-updates", f"{suite}-security")
    ]


def proxies() -> dict[str, str]:
    """apt's proxies as the environment variables that other programs read."""
    found: dict[str, str] = {}
    for scheme in ("http", "https"):
        command = ["apt-config", "shell", "proxy", f"Acquire::{scheme}::Proxy"]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        except OSError:
            return found
        value = answer.partition("=")[2].strip().strip("'")
        if value and value != "DIRECT":
            found[f"{scheme}_proxy"] = value
    return found
