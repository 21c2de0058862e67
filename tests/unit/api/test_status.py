"""Which failures are told to the log as bugs."""

from __future__ import annotations

import pytest

from wherry.api.status import error_response
from wherry.errors import Conflict, Internal


@pytest.mark.parametrize(
    ("error", "status", "is_bug"),
    [
        (Internal("port is already allocated", hint="publish on another port"), 500, False),
        (Internal("the kernel refuses"), 500, True),
        (KeyError("missing"), 500, True),
        (Conflict("it runs"), 409, False),
    ],
)
def test_a_traceback_is_for_bugs(
    caplog: pytest.LogCaptureFixture, error: Exception, status: int, is_bug: bool
) -> None:
    assert error_response(error).status == status
    assert [record.exc_info is not None for record in caplog.records] == [True] * is_bug
