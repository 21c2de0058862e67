"""`wherry stats` over containers that come and go."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.cli.failures import ApiFailure
from wherry.cli.verbs.stats import Meter


class Api:
    """Containers by name, as the API would tell of them."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)

    def get(self, path: str, query: Any = None) -> Any:
        if path == "/containers/json":
            return [{"Id": name} for name in self.names]
        name = path.split("/")[2]
        if name not in self.names:
            raise ApiFailure(f"No such container: {name}", 404)
        cpu = {"cpu_usage": {"total_usage": 1}, "online_cpus": 2}
        return {"id": name, "name": f"/{name}", "cpu_stats": cpu, "memory_stats": {},
                "pids_stats": {}, "blkio_stats": {}}  # fmt: skip


class Context:
    """What the verb needs of its context."""

    def __init__(self, *names: str) -> None:
        self.api = Api(*names)


def meter(context: Any, *names: str) -> Meter:
    return Meter(context, list(names), everything=False)


def test_a_named_container_that_goes_is_left_out_from_then_on() -> None:
    context = Context("a", "b")
    watched = meter(context, "a", "b")
    assert [row["Name"] for row in watched.read()] == ["a", "b"]
    context.api.names.remove("a")
    for _ in range(3):
        assert [row["Name"] for row in watched.read()] == ["b"]


def test_a_name_that_never_was_is_an_error() -> None:
    with pytest.raises(ApiFailure, match="No such container: x"):
        meter(Context("a"), "a", "x").read()


def test_without_names_whatever_is_there_is_shown() -> None:
    context = Context("a")
    watched = meter(context)
    assert [row["Name"] for row in watched.read()] == ["a"]
    context.api.names[:] = ["b", "c"]
    assert [row["Name"] for row in watched.read()] == ["b", "c"]
    context.api.names.clear()
    assert not watched.read()
    assert not watched.busy
