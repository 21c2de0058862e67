from __future__ import annotations

import pytest

from wherry.runtime.failure import reason, text_of


@pytest.mark.parametrize(
    ("errno", "text"),
    [
        (2, "no such file or directory"),
        (13, "permission denied"),
        (21, "is a directory"),
        (8, "exec format error"),
        (5, "input/output error"),
    ],
)
def test_reasons_are_worded_as_dockers_clients_know_them(errno: int, text: str) -> None:
    assert reason(errno) == text


def test_text_names_call_path_and_reason() -> None:
    kernel = OSError(20, "mount: Not a directory", "/x")
    assert text_of(kernel) == "mount: /x: not a directory"
    plain = FileNotFoundError(2, "No such file or directory", "/y")
    assert text_of(plain) == "/y: no such file or directory"
