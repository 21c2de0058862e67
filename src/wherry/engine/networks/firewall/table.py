"""The live table: what stands in its sets, added and deleted, and made again when it vanishes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wherry.errors import Internal, Unavailable
from wherry.kernel.nftables import script
from wherry.kernel.nftables.message import Change
from wherry.kernel.nftables.sets import Fields, SetType
from wherry.kernel.nftables.socket import NftSocket

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """One element of one set. Rows with a `timeout` (seconds) are not kept to be made again."""

    of: SetType
    key: Fields
    data: Fields = ()
    timeout: float = 0.0


@dataclass(frozen=True, slots=True)
class Layout:
    """What a table holds from the start: its family (by name and number), sets and chains."""

    family: str
    number: int
    sets: Sequence[SetType]
    chains: str

    def script(self, name: str, elements: Iterable[tuple[str, Iterable[str]]]) -> str:
        """The whole table in one transaction, in place of an older one; elements as text, by set.

        Connections go on while it is replaced: there is no moment without the rules.
        """
        table = f"{self.family} {name}"
        lines = [f"add table {table}", f"delete table {table}", f"table {table} {{"]
        lines += [each.declaration() for each in self.sets]
        lines += [self.chains, "}"]
        for set_name, texts in elements:
            if members := ", ".join(texts):
                lines.append(f"add element {table} {set_name} {{ {members} }}")
        return "\n".join(lines) + "\n"


class Table:
    """One table of ours in the network namespace in which this is made.

    The table comes with the first element and stays until `close`. Element changes take some
    ten microseconds, the table itself 5 ms. For several threads, one after the other.
    """

    def __init__(self, name: str, layout: Layout) -> None:
        self.name = name
        self._layout = layout
        self._socket = NftSocket()
        self._rows: dict[str, dict[Fields, Row]] = {each.name: {} for each in layout.sets}
        self._made = False
        self._lock = threading.RLock()

    @property
    def key(self) -> tuple[int, str]:
        """(family, name), as the kernel's notifications have it."""
        return (self._layout.number, self.name)

    @property
    def made(self) -> bool:
        """Whether the table should be there."""
        return self._made

    def is_there(self) -> bool:
        """Whether the kernel has the table. Raises OSError."""
        return self.key in self._socket.tables()

    def rows(self, of: SetType) -> list[Row]:
        """What stands in one set."""
        return list(self._rows[of.name].values())

    def make(self, rows: Iterable[Row] = ()) -> None:
        """The whole table anew, with `rows` and what was there, in one transaction.

        Raises Unavailable where nftables cannot be had.
        """
        with self._lock:
            self._make(rows)

    def _make(self, rows: Iterable[Row]) -> None:
        self._note(rows)
        texts = (
            (each.name, [each.text(row.key, row.data) for row in self.rows(each)])
            for each in self._layout.sets
        )
        try:
            script.run(self._layout.script(self.name, texts))
        except script.NftFailed as error:
            raise Unavailable(
                f"cannot set up the firewall table {self.name}: {error}",
                hint="install nftables, and load the kernel's nf_tables",
            ) from None
        self._made = True

    def change(self, *, add: Sequence[Row] = (), delete: Sequence[Row] = ()) -> None:
        """Delete and add elements, all or none; deleting what is not there is no error.

        Raises Unavailable where nftables cannot be had, Internal where the kernel refuses.
        """
        with self._lock:
            self._change(add, delete)

    def _change(self, add: Sequence[Row], delete: Sequence[Row]) -> None:
        gone = [row for row in delete if row.timeout or self._rows[row.of.name].get(row.key)]
        if not self._made:
            self._forget(gone)
            if add:
                self.make(add)
            return
        try:
            self._socket.commit(*self.key, [*_changes(gone, True), *_changes(add)])
        except FileNotFoundError:
            # Somebody flushed the ruleset between the notification and us.
            _log.warning("the firewall table %s was missing and is made again", self.name)
            self._forget(gone)
            self.make(add)
            return
        except OSError as error:
            raise Internal(f"cannot change the firewall: {error.strerror}") from error
        self._forget(gone)
        self._note(add)

    def remove(self) -> None:
        """Remove the table from the kernel; none there is no error. Raises OSError."""
        self._made = False
        self._socket.delete_table(*self.key)

    def close(self, *, remove: bool) -> None:
        """Let go; with `remove` the table goes too. Raises OSError."""
        try:
            if remove:
                self.remove()
        finally:
            self._socket.close()

    def _note(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if not row.timeout:
                self._rows[row.of.name][row.key] = row

    def _forget(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._rows[row.of.name].pop(row.key, None)


def _changes(rows: Sequence[Row], delete: bool = False) -> list[Change]:
    by_set: dict[str, list[Row]] = {}
    for row in rows:
        by_set.setdefault(row.of.name, []).append(row)
    return [
        Change(
            name,
            [
                element
                for row in members
                for element in row.of.elements(row.key, row.data, 0.0 if delete else row.timeout)
            ],
            delete,
        )
        for name, members in by_set.items()
    ]
