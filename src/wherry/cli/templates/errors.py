"""What is wrong with a template, or with applying it."""

from __future__ import annotations


class TemplateFailure(Exception):
    """Bad template text, or a field or function that its data do not have."""


def place(source: str, offset: int) -> str:
    """Where `offset` is, as Go's text/template writes it: name (empty), line, column."""
    before = source[:offset]
    line = before.count("\n") + 1
    column = offset if line == 1 else offset - before.rindex("\n")
    return f":{line}:{column}"


def line(source: str, offset: int) -> str:
    """The place without its column, which Go leaves out for text that it cannot parse."""
    return place(source, offset).rpartition(":")[0]
