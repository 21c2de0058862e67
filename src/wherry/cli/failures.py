"""What ends a command early, and with which exit status.

    Failure           anything that is said in one line on stderr
    ├── UsageFailure  the command line is wrong: the usage line follows
    ├── ApiFailure    the daemon answered with an error
    └── Unreachable   no daemon answers

They are printed by `wherry.cli.main.report` and nowhere else.
"""

from __future__ import annotations

# Exit statuses of docker's command line, which scripts rely on.
STATUS_FAILED = 1
STATUS_BAD_FLAG = 125
STATUS_CANNOT_RUN = 125
STATUS_NOT_EXECUTABLE = 126
STATUS_NOT_FOUND = 127


class Failure(Exception):
    """The command cannot go on; `message` is for people, `status` for the shell."""

    def __init__(self, message: str, status: int = STATUS_FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class UsageFailure(Failure):
    """The command line itself is wrong.

    `prefixed` says whether docker puts its own name in front of this message (it does for unknown
    commands and wrong numbers of arguments, not for flags); `verb` is how it points to the help.
    """

    def __init__(
        self,
        message: str,
        status: int = STATUS_BAD_FLAG,
        *,
        prefixed: bool = False,
        verb: str = "Run",
    ) -> None:
        super().__init__(message, status)
        self.prefixed = prefixed
        self.verb = verb


class ApiFailure(Failure):
    """The daemon's own error; `code` is the HTTP status, `text` its message, unchanged."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(f"Error response from daemon: {text}")
        self.text = text
        self.code = code


class Unreachable(Failure):
    """Nothing answers at the address of the daemon."""
