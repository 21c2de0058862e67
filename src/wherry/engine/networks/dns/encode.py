"""Values to bytes: answers of our own, questions to other servers, and theirs passed on."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from typing import Final

from wherry.engine.networks.dns.message import (
    AA,
    CD,
    CLASS_IN,
    DO,
    HEADER,
    LONGEST_NAME,
    NOERROR,
    NXDOMAIN,
    OPCODE,
    OUR_UDP_SIZE,
    QR,
    RA,
    RD,
    RECORD,
    TC,
    TYPE_A,
    TYPE_AAAA,
    TYPE_OPT,
    TYPE_PTR,
    MalformedError,
    Query,
    RefusedError,
    Response,
)

_TO_QUESTION: Final = b"\xc0\x0c"  # a pointer to the name right behind the header
_EXTENDED_ERROR: Final = 15  # option code, RFC 8914


def encode_query(query: Query, id_: int) -> bytes:
    """The same question for another server, with an id of our own and EDNS."""
    head = HEADER.pack(id_, query.flags & (RD | CD) | RD, 1, 0, 0, 1)
    return head + query.question + _own_option(query)


def answer(query: Query, rcode: int, *, extended_error: int | None = None) -> bytes:
    """An answer without records."""
    return _finish(query, rcode, [], AA if rcode == NXDOMAIN else 0, extended_error)


def answer_addresses(query: Query, addresses: Iterable[str], ttl: int) -> bytes:
    """An answer with A or AAAA records, by the form of each address."""
    return _finish(query, NOERROR, [_address(text, ttl) for text in addresses])


def answer_name(query: Query, name: str, ttl: int) -> bytes:
    """An answer with one PTR record."""
    data = encode_name(name)
    record = _TO_QUESTION + RECORD.pack(TYPE_PTR, CLASS_IN, ttl, len(data)) + data
    return _finish(query, NOERROR, [record])


def pass_on(query: Query, data: bytes, response: Response) -> bytes:
    """Another server's answer as the answer to `query`: its id, and its question as it was written.

    An OPT record stays in it only if the client speaks EDNS. What was cut off is left out, so that
    the client asks again over TCP.
    """
    _, flags, questions, answers, authorities, additionals = HEADER.unpack_from(data)
    flags |= RA
    if response.truncated:
        return _cut(query, flags)
    end = len(data)
    if response.option_at and not query.edns:
        end, additionals = response.option_at, additionals - 1
    head = HEADER.pack(query.id, flags, questions, answers, authorities, additionals)
    return head + query.question + data[HEADER.size + len(query.question) : end]


def fit(query: Query, data: bytes, size: int) -> bytes:
    """The message itself if it is no longer than `size`, else one that sends the client to TCP."""
    return data if len(data) <= size else _cut(query, HEADER.unpack_from(data)[1])


def refuse(error: RefusedError) -> bytes:
    """The answer to a message whose question cannot be read."""
    flags = QR | RA | error.flags & (OPCODE | RD) | error.rcode
    return HEADER.pack(error.id, flags, 0, 0, 0, 0)


def encode_name(name: str) -> bytes:
    """A plain name in wire form. Raises MalformedError."""
    labels = [label.encode("ascii", "replace") for label in name.split(".") if label]
    wire = b"".join(bytes((len(label),)) + label for label in labels if len(label) < 64) + b"\0"
    if len(wire) > LONGEST_NAME or any(len(label) > 63 for label in labels):
        raise MalformedError(f"name too long: {name!r}")
    return wire


def _finish(
    query: Query, rcode: int, records: list[bytes], flags: int = 0, error: int | None = None
) -> bytes:
    flags |= QR | RA | query.flags & (RD | CD) | rcode & 0xF
    option = b""
    if query.edns:
        data = struct.pack("!HHH", _EXTENDED_ERROR, 2, error) if error is not None else b""
        option = _own_option(query, (rcode >> 4) << 24, data)
    head = HEADER.pack(query.id, flags, 1, len(records), 0, bool(option))
    return head + query.question + b"".join(records) + option


def _cut(query: Query, flags: int) -> bytes:
    option = _own_option(query) if query.edns else b""
    return HEADER.pack(query.id, flags | TC, 1, 0, 0, bool(option)) + query.question + option


def _own_option(query: Query, extended: int = 0, data: bytes = b"") -> bytes:
    return _option(OUR_UDP_SIZE, extended | (DO if query.wants_dnssec else 0), data)


def _address(text: str, ttl: int) -> bytes:
    family, type_ = (socket.AF_INET6, TYPE_AAAA) if ":" in text else (socket.AF_INET, TYPE_A)
    data = socket.inet_pton(family, text)
    return _TO_QUESTION + RECORD.pack(type_, CLASS_IN, ttl, len(data)) + data


def _option(size: int, extended: int, data: bytes = b"") -> bytes:
    return b"\0" + RECORD.pack(TYPE_OPT, size, extended, len(data)) + data
