"""`Command`: one row that the parser, the help, the completion and the reference are made from."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.cli.context import Context
    from wherry.cli.flags import Flag, Options

    Run = Callable[[Context, Options, list[str]], int | None]

ANY = 1 << 30


class Command:
    """A command: its words for people, its flags, and the function that does it.

    `arguments` is the usage after the options, in docker's notation. `least` and `most` bound
    the number of arguments. With `interspersed` off, flags end at the first argument, as they
    must where the rest of the line is a command for a container. `complete` names what shell
    completion offers for arguments: "containers", "running", "images", "networks", "volumes",
    "files" or "". `run` returns the exit status (None is 0).
    """

    __slots__ = (
        "arguments",
        "complete",
        "flags",
        "interspersed",
        "least",
        "most",
        "run",
        "summary",
    )

    def __init__(
        self,
        summary: str,
        run: Run,
        *,
        arguments: str = "",
        flags: Sequence[Flag] = (),
        least: int = 0,
        most: int = 0,
        interspersed: bool = True,
        complete: str = "",
    ) -> None:
        self.summary = summary
        self.run = run
        self.arguments = arguments
        self.flags = tuple(flags)
        self.least = least
        self.most = most
        self.interspersed = interspersed
        self.complete = complete
