"""The program: its environment, where it is, and becoming it."""

from __future__ import annotations

import os
import stat

from wherry.runtime.failure import Failure
from wherry.runtime.steps import diagnosis

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from wherry.runtime.start import Child

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENOENT, _EACCES, _EISDIR, _EINVAL = 2, 13, 21, 22


def environment(child: Child, words: list[str]) -> None:
    """Take over `NAME=value` words; of a name given twice the last counts."""
    for word in words:
        name, separator, value = word.partition("=")
        if not name or not separator:
            raise Failure(_EINVAL, f"invalid environment variable {word!r}: it must be NAME=value")
        child.env[name] = value


def find(child: Child, args: list[str]) -> None:
    """Find the program as its user: in the container's PATH where the name has no slash."""
    if not args or not args[0]:
        raise Failure(_EINVAL, "no command specified; give one, or use an image that has one")
    child.args = args
    child.program = _look_up(args[0], child.env.get("PATH", _DEFAULT_PATH))


def _look_up(name: str, search: str) -> str:
    if "/" in name:
        _check(name, name)
        return name
    refused: Failure | None = None
    paths = [f"{directory or '.'}/{name}" for directory in search.split(":")]
    # Most directories have no such file; only if none has it does it matter why.
    for path in [path for path in paths if os.path.lexists(path)] or paths:
        try:
            _check(path, name)
        except Failure as failure:
            refused = refused or (failure if failure.errno == _EACCES else None)
        else:
            return path
    raise refused or Failure(
        _ENOENT, f'exec: "{name}": executable file not found in $PATH{_hint(name)}'
    )


def _hint(name: str) -> str:
    """Someone who wrote a whole command line as one word should be told."""
    return "; give the arguments as separate words" if " " in name else ""


def _check(path: str, name: str) -> None:
    try:
        facts = os.stat(path)
    except OSError as error:
        raise diagnosis.not_found(name, error) from None
    if stat.S_ISDIR(facts.st_mode):
        raise Failure(_EISDIR, f'exec: "{name}": is a directory')
    if not facts.st_mode & 0o111 or not os.access(path, os.X_OK):
        raise Failure(_EACCES, f'exec: "{name}": permission denied{diagnosis.mode_hint(facts)}')


def execute(child: Child) -> NoReturn:
    """Become the program. Every descriptor of ours is gone after that."""
    try:
        os.execve(child.program, child.args, child.env)
    except OSError as error:
        failure = diagnosis.of_exec(child.program, child.args, child.env, error)
        raise _behind_landlock(failure) if child.landlocked else failure from None
    except ValueError as error:
        raise Failure(_EINVAL, f'exec: "{child.args[0]}": {error}') from None


def _behind_landlock(failure: Failure) -> Failure:
    """The rules may deny the program, or the interpreter or loader that it needs."""
    if failure.errno != _EACCES:
        return failure
    hint = "; a rule ro:DIRECTORY of landlock must allow the program, its interpreter and libraries"
    return Failure(failure.errno, f"{failure.text}{hint}")
