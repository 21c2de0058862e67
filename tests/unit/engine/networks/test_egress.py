"""The text of egress policies."""

from __future__ import annotations

import pytest

from wherry.engine.networks.egress import is_name, parse
from wherry.engine.networks.values import EgressPolicy, EgressRule
from wherry.errors import Invalid


def test_deny() -> None:
    assert parse(" deny ") == EgressPolicy()


def test_every_kind_of_rule() -> None:
    text = (
        "allow=Example.org., *.cdn.test:443,192.0.2.7,192.0.2.7:80,10.0.0.0/8:22,"
        "[2001:db8::1]:53,2001:db8::/32,example.org"
    )
    assert parse(text).allow == (
        EgressRule("example.org"),
        EgressRule("*.cdn.test", 443),
        EgressRule("192.0.2.7/32"),
        EgressRule("192.0.2.7/32", 80),
        EgressRule("10.0.0.0/8", 22),
        EgressRule("2001:db8::1/128", 53),
        EgressRule("2001:db8::/32"),
    )
    assert [is_name(rule) for rule in parse("allow=a.test,10.0.0.1").allow] == [True, False]


@pytest.mark.parametrize(
    "text",
    [
        "", "allow", "allow=", "deny=x", "open", "allow=,", "allow=a..b", "allow=a.test:0",
        "allow=a.test:70000", "allow=a.test:http", "allow=10.0.0.1/8", "allow=10.0.0.300",
        "allow=[2001:db8::1", "allow=[2001:db8::1]x", "allow=a b", "allow=*.", "allow=a.*.b",
        "allow=*", "allow=" + "a" * 64,
    ],
)  # fmt: skip
def test_nonsense_is_named(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(text)
    assert "egress" in caught.value.message
    assert caught.value.hint
