"""`--gpus` as docker reads it."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.cli.run.gpus import request


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("all", {"Count": -1}),
        ("2", {"Count": 2}),
        ("driver=nvidia", {"Count": 1, "Driver": "nvidia"}),
        ("device=0", {"DeviceIDs": ["0"]}),
        ('"device=0,GPU-3"', {"DeviceIDs": ["0", "GPU-3"]}),
        ('"capabilities=compute,utility",count=all',
         {"Count": -1, "Capabilities": [["compute", "utility", "gpu"]]}),
        ('"options=a=b,c"', {"Count": 1, "Options": {"a": "b", "c": ""}}),
    ],
)  # fmt: skip
def test_requests(text: str, fields: dict[str, Any]) -> None:
    plain = {"Driver": "", "Count": 0, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}
    assert request(text) == plain | fields


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "invalid count"),
        ("2,count=3", "'count' can be specified only once"),
        ("device=0,color=red", "unexpected key 'color' in 'color=red'"),
    ],
)
def test_what_docker_refuses(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        request(text)
