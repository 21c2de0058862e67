"""`--filter name=value`, as the API takes it: {"name": ["value", ...]}."""

from __future__ import annotations


def encode_filters(conditions: list[str]) -> dict[str, dict[str, bool]]:
    """Group conditions by name; {} for none. The form is that of every API version."""
    grouped: dict[str, dict[str, bool]] = {}
    for condition in conditions:
        name, _, value = condition.partition("=")
        grouped.setdefault(name, {})[value] = True
    return grouped
