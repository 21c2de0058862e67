"""nftables' part of netlink: batches that add and delete elements (linux/netfilter/nf_tables.h).

No I/O. Numbers inside are in network order. A batch is all or nothing: the kernel takes every
message between BEGIN and END or none. Rules and chains are left to `nft`; what changes while
containers come and go are only elements, 6 microseconds each here and 2 to 14 ms through `nft`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from wherry.kernel.netlink.message import (
    NLM_F_ACK,
    NLM_F_CREATE,
    Message,
    Request,
    attribute,
    attribute_table,
    nested,
    read_text,
    text,
)

NFPROTO_INET: Final = 1
NFPROTO_IPV4: Final = 2
NFPROTO_IPV6: Final = 10
NFPROTO_BRIDGE: Final = 7
NFNLGRP_NFTABLES: Final = 7

NFT_MSG_GETTABLE: Final = 1
NFT_MSG_DELTABLE: Final = 2
_NFT_MSG_DELCHAIN: Final = 5
_NFT_MSG_DELRULE: Final = 8
_NFT_MSG_DELSET: Final = 11
_NFT_MSG_NEWSETELEM: Final = 12
_NFT_MSG_DELSETELEM: Final = 14
_NFNL_MSG_BATCH_BEGIN: Final = 16
_NFNL_MSG_BATCH_END: Final = 17
_SUBSYSTEM: Final = 10
_REMOVALS: Final = frozenset(
    _SUBSYSTEM << 8 | kind
    for kind in (NFT_MSG_DELTABLE, _NFT_MSG_DELCHAIN, _NFT_MSG_DELRULE, _NFT_MSG_DELSET)
)
_GENERIC: Final = struct.Struct("!BBH")

_NFTA_TABLE_NAME = 1
_NFTA_SET_ELEM_LIST_TABLE = 1
_NFTA_SET_ELEM_LIST_SET = 2
_NFTA_SET_ELEM_LIST_ELEMENTS = 3
_NFTA_LIST_ELEM = 1
_NFTA_SET_ELEM_KEY = 1
_NFTA_SET_ELEM_DATA = 2
_NFTA_SET_ELEM_FLAGS = 3
_NFTA_SET_ELEM_TIMEOUT = 4
_NFTA_SET_ELEM_KEY_END = 10
_NFTA_DATA_VALUE = 1
_NFT_SET_ELEM_INTERVAL_END = 1
_PER_MESSAGE = 400
"""Elements in one message: a list attribute holds less than 64 KiB."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its key and, in maps, its data, as `wherry.kernel.nftables.sets` makes them.

    `timeout` is in seconds, 0 for none. `interval_end` marks the first value behind an interval,
    in sets of one field; `last` is the upper end of an interval, in concatenations.
    """

    key: bytes
    data: bytes = b""
    timeout: float = 0.0
    interval_end: bool = False
    last: bytes = b""

    def encode(self) -> bytes:
        """The element as a member of a list."""
        parts = [nested(_NFTA_SET_ELEM_KEY, attribute(_NFTA_DATA_VALUE, self.key))]
        if self.last:
            parts.append(nested(_NFTA_SET_ELEM_KEY_END, attribute(_NFTA_DATA_VALUE, self.last)))
        if self.data:
            parts.append(nested(_NFTA_SET_ELEM_DATA, attribute(_NFTA_DATA_VALUE, self.data)))
        if self.interval_end:
            flag = struct.pack("!I", _NFT_SET_ELEM_INTERVAL_END)
            parts.append(attribute(_NFTA_SET_ELEM_FLAGS, flag))
        if self.timeout:
            milliseconds = struct.pack("!Q", max(1, int(self.timeout * 1000)))
            parts.append(attribute(_NFTA_SET_ELEM_TIMEOUT, milliseconds))
        return nested(_NFTA_LIST_ELEM, *parts)


@dataclass(frozen=True, slots=True)
class Change:
    """Elements to add to a set or map, or to delete from it. Adding what is there is no error."""

    set_name: str
    elements: Sequence[Element]
    delete: bool = False


def encode_batch(family: int, table: str, changes: Sequence[Change], sequence: int) -> bytes:
    """The whole batch. Its messages are numbered from `sequence` on; see `batch_size`."""
    data = bytearray(_frame(_NFNL_MSG_BATCH_BEGIN, sequence))
    for number, request in enumerate(_requests(family, table, changes), sequence + 1):
        data += request.encode(number)
    data += _frame(_NFNL_MSG_BATCH_END, sequence + batch_size(changes) - 1)
    return bytes(data)


def batch_size(changes: Sequence[Change]) -> int:
    """How many messages `encode_batch` makes of the changes."""
    return 2 + sum(-(-len(change.elements) // _PER_MESSAGE) for change in changes)


def _frame(kind: int, sequence: int) -> bytes:
    return Request(kind, 0, _GENERIC.pack(0, 0, _SUBSYSTEM)).encode(sequence)


def _requests(family: int, table: str, changes: Sequence[Change]) -> Iterator[Request]:
    for change in changes:
        kind = _NFT_MSG_DELSETELEM if change.delete else _NFT_MSG_NEWSETELEM
        flags = NLM_F_ACK if change.delete else NLM_F_ACK | NLM_F_CREATE
        for start in range(0, len(change.elements), _PER_MESSAGE):
            members = [each.encode() for each in change.elements[start : start + _PER_MESSAGE]]
            body = _GENERIC.pack(family, 0, 0) + b"".join(
                (
                    text(_NFTA_SET_ELEM_LIST_TABLE, table),
                    text(_NFTA_SET_ELEM_LIST_SET, change.set_name),
                    nested(_NFTA_SET_ELEM_LIST_ELEMENTS, *members),
                )
            )
            yield Request(_SUBSYSTEM << 8 | kind, flags, body, _about(change, table))


def _about(change: Change, table: str) -> str:
    verb = "delete from" if change.delete else "add to"
    return f"nftables: {verb} {table} {change.set_name}"


def descriptions(changes: Sequence[Change], table: str) -> list[str]:
    """What each message of the batch is about, BEGIN and END included."""
    found = ["nftables: begin"]
    for change in changes:
        found += [_about(change, table)] * -(-len(change.elements) // _PER_MESSAGE)
    return [*found, "nftables: commit"]


def delete_table(family: int, table: str, sequence: int) -> bytes:
    """A batch of three messages that deletes a table with everything in it."""
    body = _GENERIC.pack(family, 0, 0) + text(_NFTA_TABLE_NAME, table)
    request = Request(_SUBSYSTEM << 8 | NFT_MSG_DELTABLE, NLM_F_ACK, body)
    return (
        _frame(_NFNL_MSG_BATCH_BEGIN, sequence)
        + request.encode(sequence + 1)
        + _frame(_NFNL_MSG_BATCH_END, sequence + 2)
    )


def list_tables() -> Request:
    """The dump of all tables."""
    kind = _SUBSYSTEM << 8 | NFT_MSG_GETTABLE
    return Request(kind, 0, _GENERIC.pack(0, 0, 0), "list nftables")


def table_of(message: Message) -> tuple[int, str]:
    """(family, name) of the table that an answer or a notification about tables is about."""
    family, _, _ = _GENERIC.unpack_from(message.body)
    found = attribute_table(message.body[_GENERIC.size :])
    return family, read_text(found.get(_NFTA_TABLE_NAME, b""))


def removed_from(message: Message) -> tuple[int, str] | None:
    """(family, name) of the table that lost a chain, a rule, a set or all, as notified; or None."""
    if message.kind not in _REMOVALS:
        return None
    return table_of(message)  # the table's name is attribute 1 of each
