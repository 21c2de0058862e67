"""User namespaces of containers: which ids of the host are a container's own (`--userns`).

    "", host            none of its own; "" is the daemon's default, `userns` of its settings
    auto, private       65,536 ids that no other container has
    auto:size=N         N of them
    MAP                 INSIDE:OUTSIDE:COUNT[,...], uids and gids alike

A range is taken at create, kept in the container's record and free again when that goes. Layers
hold the ids as inside, so that nothing is chowned whatever the range is (decision 101).
Source: user_namespaces(7).
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.engine.containers.idrows import IdRows
from wherry.engine.containers.modes import other_container
from wherry.errors import Conflict, Invalid, NotFound, Unavailable

if TYPE_CHECKING:
    from wherry.engine.containers.config import HostConfig
    from wherry.engine.containers.record import Container
    from wherry.engine.containers.roster import Roster

SIZE: Final = 65_536
"""Ids that a container gets that names no number: all that Debian's packages may use."""
HOST: Final = ("", "host")
_AUTO: Final = ("auto", "private")
_MOST_ROWS: Final = 340
_END: Final = 2**32 - 1  # the id behind the last one that there is
_FORMS: Final = "write host, auto, auto:size=N, or INSIDE:OUTSIDE:COUNT[,...]"
_TERMINALS: Final = 5  # the group of terminals (spec: devpts gid=5)

Interval = tuple[int, int]
"""First id of the host, and the first one behind it."""


@dataclass(frozen=True, slots=True)
class UserNamespaceSettings:
    """What the daemon's user chose: the default mode, and the ids to take `auto` ranges from.

    `pool` None: rows of "wherry" or "containers" in /etc/subuid and /etc/subgid, else what nobody
    has from 524288 on.
    """

    default: str = "host"
    pool: Interval | None = None


def check_mode(mode: str) -> None:
    """Raises Invalid for a mode that there is not."""
    if mode not in HOST and automatic_size(mode) is None:
        parse_map(mode)


def automatic_size(mode: str) -> int | None:
    """How many ids an `auto` mode asks for, None for another mode. Raises Invalid."""
    if mode in _AUTO:
        return SIZE
    name, _, text = mode.partition(":")
    if name not in _AUTO:
        return None
    key, _, count = text.partition("=")
    if key != "size" or not _is_number(count) or not _TERMINALS < int(count) <= 2**30:
        raise Invalid(f"invalid user namespace mode: {mode}", hint="write auto:size=65536")
    return int(count)


def parse_map(text: str) -> IdRows:
    """The rows (inside, outside, count) of a MAP. Raises Invalid."""
    rows = tuple(_row(row, text) for row in text.split(","))
    if len(rows) > _MOST_ROWS:
        raise Invalid(f"invalid user namespace mode: more than {_MOST_ROWS} rows")
    for side in (0, 1):
        spans = sorted((row[side], row[side] + row[2]) for row in rows)
        if any(end > begin for (_, end), (begin, _) in itertools.pairwise(spans)):
            raise Invalid(f"invalid user namespace mode: {text}: two rows name the same id")
    for id, what in ((0, "root"), (_TERMINALS, "the group of terminals")):
        if not any(inside <= id < inside + count for inside, _, count in rows):
            raise Invalid(f"invalid user namespace mode: {text}: {id}, {what}, must be mapped")
    return tuple(sorted(rows))


def _row(row: str, text: str) -> tuple[int, int, int]:
    words = row.split(":")
    if len(words) != 3 or not all(map(_is_number, words)):
        raise Invalid(f"invalid user namespace mode: {text}", hint=_FORMS)
    inside, outside, count = map(int, words)
    if not count or max(inside, outside) + count > _END:
        raise Invalid(f"invalid user namespace mode: {text}: '{row}' is outside of 0 to {_END - 1}")
    return inside, outside, count


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def mode_of(host: HostConfig, default: str) -> str:
    """The mode that holds. One that was asked for must fit to the rest; the default gives way.

    Raises Invalid in Docker's words.
    """
    asked = host.userns_mode
    check_mode(asked)
    mode = asked or default
    if mode in HOST or not (reason := _obstacle(host)):
        return mode
    if asked:
        raise Invalid(reason, hint="add --userns=host, or leave one of both out")
    return "host"


def _obstacle(host: HostConfig) -> str:
    """What of the host's a user namespace takes away from a container that asks for it."""
    if host.privileged:
        return (
            "privileged mode is incompatible with user namespaces. You must run the container in "
            "the host namespace when running privileged mode"
        )
    if host.network_mode == "host":
        return "cannot share the host's network namespace when user namespaces are enabled"
    if host.pid_mode == "host":
        return "cannot share the host PID namespace when user namespaces are enabled"
    return ""


class UserNamespaces:
    """Gives containers their ids; nobody else's, even while creates overlap."""

    def __init__(self, settings: UserNamespaceSettings, roster: Roster) -> None:
        self._settings = settings
        self._roster = roster
        self._held: list[IdRows] = []
        self._next = 0

    @property
    def default(self) -> str:
        """The mode of containers that name none."""
        return self._settings.default

    @contextlib.contextmanager
    def hold(self, host: HostConfig, *, able: bool = True) -> Iterator[tuple[str, IdRows]]:
        """The mode that holds, and its rows: kept from others while the block lasts.

        `able` False: the container's runtime has no user namespaces, so the default does not count.

        A container that borrows another's namespaces is in that one's user namespace, too. Raises
        Invalid, Conflict, Unavailable.
        """
        mode, rows = self._chosen(host, self._settings.default if able else "host")
        said = host.userns_mode or self._settings.default not in HOST or rows
        self._held.append(rows)
        try:
            yield (mode if said else ""), rows
        finally:
            self._held.remove(rows)

    def _chosen(self, host: HostConfig, default: str) -> tuple[str, IdRows]:
        mode = mode_of(host, default)
        lenders = self._lenders(host)
        if lenders:
            return _borrowed(host, mode, lenders)
        if mode in HOST:
            return mode, ()
        if (size := automatic_size(mode)) is not None:
            return mode, ((0, self._free(size), size),)
        rows = parse_map(mode)
        self._refuse_taken(rows)
        return mode, rows

    def _lenders(self, host: HostConfig) -> list[Container]:
        modes = (host.network_mode, host.pid_mode, host.ipc_mode)
        found = []
        for ref in filter(None, map(other_container, modes)):
            with contextlib.suppress(NotFound):  # the start tells, as in Docker
                found.append(self._roster.find(ref).record)
        return found

    def _taken(self) -> list[Interval]:
        maps = [live.record.user_map for live in self._roster]
        return [interval for rows in (*maps, *self._held) for interval in outside(rows)]

    def upcoming(self, count: int) -> list[IdRows]:
        """What the next creates that ask for `auto` will get, as far as can be told."""
        pools, taken = self._ground()
        found: list[IdRows] = []
        at = self._next
        while len(found) < count and (first := next_fit(pools, taken, SIZE, at)) is not None:
            found.append(((0, first, SIZE),))
            at = first + SIZE
            taken = sorted((*taken, (first, at)))
        return found

    def _free(self, size: int) -> int:
        """The first of `size` ids in a row that are nobody's. Raises Unavailable."""
        first = next_fit(*self._ground(), size, self._next)
        if first is None:
            raise Unavailable(
                f"no {size} ids in a row are free for another container's user namespace",
                hint="remove containers, or give the daemon a larger userns-pool",
            )
        self._next = first + size
        return first

    def _ground(self) -> tuple[list[Interval], list[Interval]]:
        """Where ids are taken from, and which of them are somebody's, sorted."""
        from wherry.engine.containers import subordinate

        pool = self._settings.pool
        pools, reserved = ([pool], []) if pool else subordinate.default_pools()
        return pools, sorted((*self._taken(), *reserved))

    def _refuse_taken(self, rows: IdRows) -> None:
        """Raises Conflict when a given map reaches into ids that another container got."""
        for live in self._roster:
            record = live.record
            given = automatic_size(record.host_config.userns_mode) is None
            if not given and _meet(outside(rows), outside(record.user_map)):
                raise Conflict(
                    f"the user namespace of container {record.name} has some of these ids",
                    hint="choose others, or --userns=auto",
                )


def _borrowed(host: HostConfig, mode: str, lenders: Sequence[Container]) -> tuple[str, IdRows]:
    maps = {lender.user_map for lender in lenders}
    if len(maps) > 1:
        raise Invalid(
            "cannot join namespaces of containers with different user namespaces",
            hint="give these containers the same --userns map, or --userns=host",
        )
    (rows,) = maps
    asked = host.userns_mode
    wants_none, has_none = mode in HOST, not rows
    wrong = asked and (wants_none != has_none or (_is_map(asked) and parse_map(asked) != rows))
    if wrong:
        where = "the host's user namespace" if has_none else "another user namespace"
        raise Invalid(
            f"container {lenders[0].name}, whose namespaces are to be joined, is in {where}",
            hint="leave --userns out: the lender's holds",
        )
    return ("host" if has_none else lenders[0].host_config.userns_mode), rows


def _is_map(mode: str) -> bool:
    return mode not in HOST and automatic_size(mode) is None


def outside(rows: IdRows) -> list[Interval]:
    """The ids of the host that a map uses."""
    return [(first, first + count) for _, first, count in rows]


def next_fit(
    pools: Sequence[Interval], taken: Sequence[Interval], size: int, at: int
) -> int | None:
    """The first of `size` free ids from `at` on, or from the beginning; None without any."""
    for least in (at, 0):
        for begin, end in pools:
            first = first_gap(max(begin, least), taken, size)
            if first + size <= end:
                return first
    return None


def first_gap(begin: int, taken: Iterable[Interval], size: int) -> int:
    """The lowest id from `begin` on behind which `size` are free; `taken` is sorted."""
    for low, high in taken:
        if high <= begin:
            continue
        if low >= begin + size:
            break
        begin = high
    return begin


def _meet(some: Sequence[Interval], others: Sequence[Interval]) -> bool:
    return any(a < d and c < b for a, b in some for c, d in others)
