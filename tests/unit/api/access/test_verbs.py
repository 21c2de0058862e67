"""Every route has a verb, and every verb a route."""

from __future__ import annotations

from wherry.api.access.verbs import READING, UNKNOWN, VERBS
from wherry.api.routes import ROUTES


def test_every_route_has_a_verb() -> None:
    """Remedy: a row in `wherry.api.access.verbs`, and a look at docs/scoped-sockets.md."""
    routes = {(route.method, route.pattern) for route in ROUTES}
    assert routes - VERBS.keys() == set(), "routes without a verb"
    assert VERBS.keys() - routes == set(), "verbs of routes that are not there"


def test_verbs_are_of_one_form() -> None:
    assert UNKNOWN not in VERBS.values()
    assert set(VERBS.values()) >= READING
    assert not [verb for verb in VERBS.values() if verb.strip() != verb or verb.count(":") > 1]


def test_nothing_that_changes_is_called_reading() -> None:
    changing = {"POST", "PUT", "DELETE"}
    harmless = {
        ("POST", "/containers/{name}/wait"),
        ("POST", "/auth"),
    }
    wrong = [
        route
        for route, verb in VERBS.items()
        if verb in READING and verb != "unserved" and route[0] in changing - {"GET"}
    ]
    assert set(wrong) == harmless
