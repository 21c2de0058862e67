"""The distribution specification's errors: a closed set of codes, each with its HTTP status.

Source: distribution-spec v1.1, "Error Codes". The statuses are those that docker-registry gives,
where the specification leaves them open.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from wherry.http.message import Response

STATUSES: Final[Mapping[str, int]] = {
    "BLOB_UNKNOWN": 404,
    "BLOB_UPLOAD_INVALID": 400,
    "BLOB_UPLOAD_UNKNOWN": 404,
    "DIGEST_INVALID": 400,
    "MANIFEST_BLOB_UNKNOWN": 400,
    "MANIFEST_INVALID": 400,
    "MANIFEST_UNKNOWN": 404,
    "NAME_INVALID": 400,
    "NAME_UNKNOWN": 404,
    "SIZE_INVALID": 400,
    "UNAUTHORIZED": 401,
    "DENIED": 403,
    "UNSUPPORTED": 405,
    "TOOMANYREQUESTS": 429,
    # Not in the specification's table, used where it has no word: docker-registry's code for a
    # part that does not answer or is full.
    "UNAVAILABLE": 503,
    "UNKNOWN": 500,
}


class RegistryError(Exception):
    """What a request is refused with; `code` is a key of STATUSES.

    `status` replaces the code's own status where the specification asks for another (416, 413).
    `headers` go out with the answer.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        detail: object = None,
        status: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail
        self.status = status or STATUSES[code]
        self.headers = headers or {}


def answer(error: RegistryError) -> Response:
    """The error as the specification writes it."""
    entry: dict[str, object] = {"code": error.code, "message": error.message}
    if error.detail is not None:
        entry["detail"] = error.detail
    body = json.dumps({"errors": [entry]}).encode() + b"\n"
    headers = {"Content-Type": "application/json", **error.headers}
    return Response(error.status, headers, body)
