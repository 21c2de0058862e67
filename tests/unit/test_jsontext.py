"""JSON as text, beside what the standard library says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry import jsontext

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(VALUES)
def test_json_agrees_with_the_library(value: Any) -> None:
    assert json.loads(jsontext.encode(value)) == value
    assert json.loads(jsontext.encode_ascii(value)) == value
    assert jsontext.encode_ascii(value).isascii()
    assert jsontext.decode(f" {json.dumps(value)}\n") == value
    assert json.loads(jsontext.encode_pretty(value)) == value


@pytest.mark.parametrize("text", ["", "{", "nope", "[1,", "[1,]", "{} x", "nul", "\x00"])
def test_what_is_not_json(text: str) -> None:
    with pytest.raises(ValueError):
        jsontext.decode(text)


def test_pretty_json_looks_like_go() -> None:
    value = {"a": [], "b": {}, "c": [1, {"d": "é<"}]}
    expected = json.dumps(value, indent=4, ensure_ascii=False)
    assert jsontext.encode_pretty(value) == expected


def test_several_values_in_a_row() -> None:
    first, end = jsontext.decode_first('{"a":1} {"b":2}')
    second, _ = jsontext.decode_first('{"a":1} {"b":2}', end)
    assert (first, second) == ({"a": 1}, {"b": 2})
