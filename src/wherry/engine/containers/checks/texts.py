"""No text of a request holds a NUL byte: the kernel would read it to there and no further."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from wherry.errors import Invalid
from wherry.spec.jsonfields import form_of


def check(value: object) -> None:
    """Look at every text in a value of `wherry.engine.containers.config`. Raises Invalid."""
    for name, text in _texts(value, ""):
        if "\0" in text:
            raise Invalid(f"{name} contains a NUL byte: {text.partition(chr(0))[0][:100]}")


def _texts(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield name, key
            yield from _texts(item, name)
    elif isinstance(value, tuple):
        for item in value:
            yield from _texts(item, name)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            form = form_of(field)
            yield from _texts(getattr(value, field.name), form.name if form else field.name)
