"""The nfnetlink socket: batches of element changes, tables, and the notifications of others."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Self

from wherry.kernel.netlink.message import NLMSG_ERROR, failure
from wherry.kernel.netlink.socket import NETLINK_NETFILTER, NetlinkSocket
from wherry.kernel.nftables.message import (
    NFNLGRP_NFTABLES,
    Change,
    batch_size,
    delete_table,
    descriptions,
    encode_batch,
    list_tables,
    removed_from,
    table_of,
)


class NftSocket:
    """nftables of the network namespace in which it is opened; not for two threads at once."""

    def __init__(self) -> None:
        self._socket = NetlinkSocket(NETLINK_NETFILTER)
        self._socket.make_room()

    def close(self) -> None:
        """Close it; a second call does nothing."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def commit(self, family: int, table: str, changes: Sequence[Change]) -> None:
        """Carry out all changes or none.

        Raises OSError of the first that failed: ENOENT where table, set or a deleted element is
        missing, EEXIST where a map has other data under the key.
        """
        changes = [change for change in changes if change.elements]
        if not changes:
            return
        first = self._socket.next_sequence(count := batch_size(changes))
        self._socket.send(encode_batch(family, table, changes, first))
        self._answers(first, count, descriptions(changes, table))

    def delete_table(self, family: int, table: str) -> None:
        """Delete a table with everything in it; one that is not there is no error."""
        first = self._socket.next_sequence(3)
        self._socket.send(delete_table(family, table, first))
        about = f"nftables: delete table {table}"
        try:
            self._answers(first, 3, ["nftables: begin", about, about])
        except FileNotFoundError:
            return

    def tables(self) -> list[tuple[int, str]]:
        """(family, name) of every table."""
        return [table_of(answer) for answer in self._socket.dump(list_tables())]

    def _answers(self, first: int, count: int, about: Sequence[str]) -> None:
        """Read until the last message is acknowledged; BEGIN answers only where all failed."""
        last, failed = first + count - 2, None
        done = False
        while not done:
            for answer in self._socket.receive():
                index = answer.sequence - first
                if answer.kind != NLMSG_ERROR or not 0 <= index < count:
                    continue
                failed = failed or failure(answer, about[index])
                done = done or answer.sequence == last or index == 0
        if failed is not None:
            raise failed


class NftMonitor:
    """Tells what changes in nftables of the namespace in which it is opened, whoever changes it."""

    def __init__(self) -> None:
        self._socket = NetlinkSocket(NETLINK_NETFILTER)
        self._socket.make_room()
        self._socket.subscribe([NFNLGRP_NFTABLES])

    def fileno(self) -> int:
        """Readable when something changed."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close it; a second call does nothing."""
        self._socket.close()

    def losses(self) -> set[tuple[int, str]] | None:
        """Read all that came: (family, name) of tables of which something was removed.

        None when so much came that some of it was lost, so that it may be any.
        """
        try:
            removed = (removed_from(each) for each in self._socket.pending())
            return {each for each in removed if each is not None}
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            return None
