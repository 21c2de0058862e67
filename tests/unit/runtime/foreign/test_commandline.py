"""Complaints of other runtimes, and what Docker's clients are to read in them."""

from __future__ import annotations

import errno

import pytest

from wherry.runtime.foreign.commandline import errno_of, last_error, without_prefix

LOG = """\
{"level":"warning","msg":"unimportant"}
{"level":"error","msg":"runc create failed: unable to start container process: exec: \\"x\\": gone"}
not JSON
["neither"]
{"level":"info","msg":"the end"}
"""


def test_the_last_error_of_a_log() -> None:
    assert last_error(LOG) == 'exec: "x": gone'
    assert last_error('{"level":"error","msg":null}') == ""
    assert last_error("") == ""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("runc run failed: x", "x"),
        ("exec failed: unable to start container process: x", "x"),
        ("open executable: Operation not permitted", "open executable: permission denied"),
        ("executable file `x` not found in $PATH: No such file or directory",
         "executable file `x` not found in $PATH: no such file or directory"),
        ("open `/x`: Some file or other", "open `/x`: Some file or other"),
    ],
)  # fmt: skip
def test_words_that_clients_know(said: str, told: str) -> None:
    assert without_prefix(said) == told


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ('exec: "x": executable file not found in $PATH', errno.ENOENT),
        ('exec: "/etc": Is a directory', errno.EISDIR),
        ('exec: "/x": permission denied', errno.EACCES),
        ("exec /x: exec format error", errno.ENOEXEC),
        ("something else", 0),
    ],
)
def test_what_error_is_meant(said: str, number: int) -> None:
    assert errno_of(said) == number
