"""Exit codes and kinds of failed starts, as dockerd gives them."""

from __future__ import annotations

import errno

import pytest

from wherry.engine.containers.launch_errors import judge
from wherry.engine.containers.runtime import LaunchError
from wherry.errors import Internal, Invalid, NotFound, WherryError


@pytest.mark.parametrize(
    ("step", "number", "text", "code", "kind"),
    [
        ("find", errno.ENOENT, 'exec: "x": executable file not found in $PATH', 127, Invalid),
        ("find", errno.ENOENT, 'exec: "/x": stat /x: no such file or directory', 127, Invalid),
        ("find", errno.EACCES, 'exec: "/x": permission denied', 126, Invalid),
        ("find", errno.EISDIR, 'exec: "/x": is a directory', 126, Invalid),
        ("exec", errno.ENOEXEC, "exec /x: exec format error", 126, Invalid),
        ("bind", errno.ENOTDIR, "mounting /a at /b: not a directory", 127, Invalid),
        ("user", 0, "unable to find user x: no matching entries in passwd file", 128, Internal),
    ],
)
def test_codes(step: str, number: int, text: str, code: int, kind: type[WherryError]) -> None:
    verdict = judge(LaunchError(step, number, text))
    assert verdict.exit_code == code
    assert type(verdict.error) is kind
    assert text in verdict.error.message


def test_docker_s_command_line_finds_its_words_for_a_directory() -> None:
    verdict = judge(LaunchError("find", errno.EISDIR, 'exec: "/": is a directory'))
    assert "permission denied" in verdict.error.message


def test_an_error_of_ours_stays_what_it_is() -> None:
    error = NotFound("network x not found")
    assert judge(error).error is error
