"""`wherry history`: what it asks the daemon for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wherry.cli.verbs.history import COMMAND


class Asked:
    """A context whose daemon knows no steps; remembers what it was asked."""

    def __init__(self) -> None:
        self.api = self
        self.query: dict[str, Any] = {}

    def get(self, path: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        assert path == "/images/app/history"
        self.query = query
        return []


class Options:
    """`-q --platform TEXT`."""

    def __init__(self, platform: str) -> None:
        self._texts = {"platform": platform}

    def text(self, name: str) -> str:
        return self._texts.get(name, "")

    def on(self, name: str) -> bool:
        return name == "quiet"


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("", None),
        ("linux/arm64/v8", {"os": "linux", "architecture": "arm64", "variant": "v8"}),
    ],
)
def test_the_platform_is_asked_for(given: str, asked: dict[str, str] | None) -> None:
    context: Any = Asked()
    options: Any = Options(given)
    COMMAND.run(context, options, ["app"])
    text = context.query["platform"]
    assert (json.loads(text) if text else None) == asked
