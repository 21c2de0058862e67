"""Platforms as the API takes them."""

from __future__ import annotations


def platform_json(text: str) -> str:
    """`linux/arm64/v8` in the API's JSON form; "" stays ""."""
    if not text:
        return ""
    from wherry.jsontext import encode

    names = ("os", "architecture", "variant")
    return encode(dict(zip(names, text.split("/"), strict=False)))
