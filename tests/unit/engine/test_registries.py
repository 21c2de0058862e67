"""What is asked of which registry, and which answers are shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wherry.engine.registries import Registries, domain_of, split_term
from wherry.engine.values.registries import SearchQuery
from wherry.errors import Invalid, Unauthorized
from wherry.registry.config import RegistryConfig
from wherry.registry.credentials import ANONYMOUS, Credentials
from wherry.registry.session import Found

HUB = "docker.io"
FOUND = (Found("a", "", 10, True, False), Found("b", "", 3, False, True))


class Asked(Registries):
    """Registries that answer from here."""

    def __init__(self, answer: object) -> None:
        super().__init__(RegistryConfig())
        self.answer = answer
        self.domain = ""

    async def _ask(
        self, domain: str, credentials: Credentials, question: Callable[..., Any]
    ) -> Any:
        self.domain = domain
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("server", "domain"),
    [
        ("", HUB),
        ("https://index.docker.io/v1/", HUB),
        ("docker.io", HUB),
        ("registry-1.docker.io", HUB),
        ("localhost:5000", "localhost:5000"),
        ("http://r.example:5000/v2/", "r.example:5000"),
        ("r.example/x", "r.example"),
    ],
)
def test_domain_of_a_server_address(server: str, domain: str) -> None:
    assert domain_of(server) == domain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("word", (HUB, "word")),
        ("user/word", (HUB, "user/word")),
        ("library/debian", (HUB, "debian")),
        ("docker.io/library/debian", (HUB, "debian")),
        ("localhost/x/y", ("localhost", "x/y")),
        ("r:5000/library/x", ("r:5000", "library/x")),
        ("", (HUB, "")),
    ],
)
def test_search_terms(text: str, expected: tuple[str, str]) -> None:
    assert split_term(text) == expected


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, "ab"),
        ({"stars": ("4",)}, "a"),
        ({"stars": ("1", "4")}, "a"),
        ({"is-official": ("true",)}, "a"),
        ({"is-official": ("0",)}, "b"),
        ({"is-automated": ("true",)}, ""),
        ({"is-automated": ("false",)}, "ab"),
    ],
)
async def test_filters(filters: dict[str, tuple[str, ...]], names: str) -> None:
    found = await Asked(FOUND).search(SearchQuery("x", 0, filters))
    assert "".join(one.name for one in found) == names


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (SearchQuery("x", 101), r"limit 101 is outside the range of \[1, 100\]"),
        (SearchQuery("http://r/x"), r"should not have a scheme"),
        (SearchQuery("x", 0, {"stars": ("many",)}), r"invalid filter 'stars=many'"),
        (SearchQuery("x", 0, {"is-official": ("x",)}), r"invalid filter 'is-official=\[x\]'"),
        (SearchQuery("x", 0, {"is-official": ("1", "0")}), r"invalid filter 'is-official=\[0 1\]'"),
    ],
)
async def test_bad_searches(query: SearchQuery, told: str) -> None:
    registries = Asked(FOUND)
    with pytest.raises(Invalid, match=told):
        await registries.search(query)
    assert not registries.domain, "nobody was asked"


async def test_wrong_credentials() -> None:
    refusal = Unauthorized("login at r: unauthorized: authentication required", hint="log in")
    with pytest.raises(Unauthorized) as caught:
        await Asked(refusal).log_in("r", ANONYMOUS)
    assert str(caught.value) == "login at r: unauthorized: incorrect username or password"
