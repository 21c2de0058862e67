"""The policy file: what it says of which image, and what is wrong with one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wherry.errors import Invalid
from wherry.registry import signature_policy
from wherry.spec import reference

KEYS = {"action": "signed", "keys": ["k.pub"]}


def _policy(*rules: dict[str, Any], **members: Any) -> signature_policy.Policy:
    text = json.dumps({"rules": list(rules), **members}).encode()
    return signature_policy.parse(text, "/etc/wherry/p.json")


def _row(name: str, *rules: dict[str, Any]) -> str:
    return _policy(*rules).rule_for(reference.parse(name)).match


def test_nothing_said_is_accepted() -> None:
    assert _policy().rule_for(reference.parse("debian")).action == "accept"
    assert signature_policy.parse(b"{}", "p").default.action == "accept"


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("debian", "docker.io"),
        ("user/app", "docker.io"),
        ("r.example.com/a", "r.example.com"),
        ("r.example.com/prod", "r.example.com/prod"),
        ("r.example.com/prod/other:1", "r.example.com/prod"),
        ("r.example.com/prod/app/x", "r.example.com/prod/app"),
        ("r.example.com/production", "r.example.com"),
        ("s.example.com/a", "*.example.com"),
        ("s.example.com/prod/a", "*.example.com/prod"),
        ("a.s.example.com/x", "*.s.example.com"),
        ("example.com/x", ""),
        ("r.example.com:5000/x", ""),
        ("localhost:5000/x", "localhost:5000"),
    ],
)
def test_the_most_exact_row_counts(name: str, match: str) -> None:
    matches = [
        "docker.io", "*.example.com", "*.s.example.com", "*.example.com/prod", "r.example.com",
        "r.example.com/prod/app", "r.example.com/prod", "localhost:5000",
    ]  # fmt: skip
    for order in (matches, matches[::-1]):
        assert _row(name, *({"match": each, "action": "reject"} for each in order)) == match


def test_keys_are_found_beside_the_file() -> None:
    rule = _policy({"match": "r.io", "action": "signed", "keys": ["a.pub", "/b.pub"]}).rules[0]
    assert rule.keys == ("/etc/wherry/a.pub", "/b.pub")


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"match": "r.io", "action": "allow"}, "'allow'.*accept, reject, signed"),
        ({"match": "r.io"}, '"action" is None'),
        ({"match": "r.io", "action": "signed"}, 'needs "keys"'),
        ({"match": "r.io", "action": "signed", "keys": []}, 'needs "keys"'),
        ({"match": "r.io", "action": "signed", "keys": "k"}, "list of paths"),
        ({"match": "r.io", "action": "accept", "keys": ["k"]}, 'no use for "keys"'),
        ({"match": "r.io", **KEYS, "identity": "tag"}, "any, repository"),
        ({"match": "r.io", **KEYS, "key": "k"}, "unknown 'key'"),
        ({"match": "", "action": "accept"}, '"match" is'),
        ({"match": "*", "action": "accept"}, '"match" is'),
        ({"match": "r.io/*", "action": "accept"}, '"match" is'),
        ({"match": "r.io/", "action": "accept"}, '"match" is'),
        ({"match": 1, "action": "accept"}, '"match" is'),
        ({"action": "accept"}, '"match" is'),
    ],
)
def test_a_wrong_row_is_told(rule: dict[str, Any], told: str) -> None:
    with pytest.raises(Invalid, match=f"/etc/wherry/p.json: row 2: (?s:.*){told}"):
        _policy({"match": "first.io", "action": "accept"}, rule)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b'{"rules": {}}', b'{"rule": []}', b'{"default": {"match": "x"}}',
             b'{"default": {"action": "signed"}}', b'{"rules": [1]}', b"\xff", b"[" * 100_000],
)  # fmt: skip
def test_a_wrong_file_is_told(text: bytes) -> None:
    with pytest.raises(Invalid, match="signature policy p: "):
        signature_policy.parse(text, "p")


def test_two_rows_for_the_same() -> None:
    row = {"match": "r.io", "action": "accept"}
    with pytest.raises(Invalid, match=r'two rows match "r\.io"'):
        _policy(row, row)
