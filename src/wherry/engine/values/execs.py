"""Questions to the exec part of the engine."""

from __future__ import annotations

from dataclasses import dataclass

from wherry.spec.jsonfields import flag, json_field, strings, text, words


@dataclass(frozen=True, slots=True)
class ExecConfig:
    """A process to run in a container (body of POST /containers/{id}/exec).

    `console_size` is (rows, columns) or None. `detach_keys` is Docker's notation, "" for
    ctrl-p,ctrl-q.
    """

    user: str = text("User")
    privileged: bool = flag("Privileged")
    tty: bool = flag("Tty")
    console_size: tuple[int, int] | None = json_field("ConsoleSize", "[2]uint", omit=True)
    attach_stdin: bool = flag("AttachStdin")
    attach_stdout: bool = flag("AttachStdout")
    attach_stderr: bool = flag("AttachStderr")
    detach: bool = flag("Detach")
    detach_keys: str = text("DetachKeys")
    env: tuple[str, ...] | None = strings("Env")
    working_dir: str = text("WorkingDir")
    cmd: tuple[str, ...] | None = words("Cmd")


@dataclass(frozen=True, slots=True)
class ExecStart:
    """How to start it (body of POST /exec/{id}/start)."""

    detach: bool = flag("Detach")
    tty: bool = flag("Tty")
    console_size: tuple[int, int] | None = json_field("ConsoleSize", "[2]uint", omit=True)
