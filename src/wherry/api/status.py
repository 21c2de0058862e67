"""Error kinds into HTTP: the one place where the API gives out error statuses."""

from __future__ import annotations

import logging
from typing import Final

from wherry import errors
from wherry.api.answers import json_response
from wherry.http.body import BadBody
from wherry.http.message import Response

_log = logging.getLogger(__name__)

_STATUS: Final[dict[type[Exception], int]] = {
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Invalid: 400,
    errors.NotModified: 304,
    errors.Denied: 403,
    errors.Unauthorized: 401,
    errors.Unavailable: 503,
    errors.Unsupported: 501,
    errors.Internal: 500,
    BadBody: 400,
}


def error_message(error: BaseException) -> str:
    """Return what a client is told: the message, and the hint where there is one."""
    if isinstance(error, errors.WherryError | BadBody):
        return str(error)
    if isinstance(error, OSError):
        return f"internal error: {error}"
    return f"internal error: {type(error).__name__}: {error}"


def error_response(error: BaseException) -> Response:
    """Return the answer to a request that failed; what nobody foresaw is a bug, logged.

    A 500 with a remedy was foreseen: Docker answers so to a port in use, for instance.
    """
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
    if status == 500 and not (isinstance(error, errors.Internal) and error.hint):
        _log.error("a request failed", exc_info=error)
    if status == 304:
        return Response(304)
    return json_response({"message": error_message(error)}, status)
