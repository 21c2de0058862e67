"""Answers in JSON, as dockerd frames them."""

from __future__ import annotations

import json
from typing import Any, Final

from wherry.http.message import Response

JSON: Final = {"Content-Type": "application/json"}

_encoder: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def json_bytes(value: Any) -> bytes:
    """Return compact JSON with a newline behind it, as Go's encoder writes it."""
    return _encoder.encode(value).encode("utf-8", "replace") + b"\n"


def json_response(value: Any, status: int = 200) -> Response:
    """Return an answer with a JSON body."""
    return Response(status, JSON, json_bytes(value))


def no_content() -> Response:
    """Return 204."""
    return Response(204)
