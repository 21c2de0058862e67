"""A short stay in other namespaces: children are born there, we come back."""

from __future__ import annotations

import os

from wherry.kernel.namespace import CLONE_NEWTIME, NAMESPACES, open_own, setns, unshare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# For these two, setns(2) changes where children are born, and /proc has a name of its own for it.
_FOR_CHILDREN = {"pid": "pid_for_children", "time": "time_for_children"}
_NAMES = dict(NAMESPACES.values())


class Excursion:
    """Enter namespaces, and on leaving the scope be home again.

    `entered` are (flag, descriptor of the namespace); where `new_time` is set, children are born in
    a new time namespace. If the way home fails the process must end: it would serve the next
    request from a foreign place. Raises OSError.
    """

    __slots__ = ("_entered", "_home", "_new_time")

    def __init__(self, entered: Sequence[tuple[int, int]], *, new_time: bool = False) -> None:
        self._entered = entered
        self._new_time = new_time
        self._home: list[tuple[int, int]] = []

    def __enter__(self) -> None:
        try:
            for flag, fd in self._entered:
                self._remember(flag)
                setns(fd, flag)
            if self._new_time:
                self._remember(CLONE_NEWTIME)
                unshare(CLONE_NEWTIME)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        while self._home:
            flag, fd = self._home.pop()
            try:
                setns(fd, flag)
            except OSError as error:
                raise SystemExit(f"cannot return to our own namespaces: {error}") from None
            finally:
                os.close(fd)

    def _remember(self, flag: int) -> None:
        name = _NAMES[flag]
        self._home.append((flag, open_own(_FOR_CHILDREN.get(name, name))))
