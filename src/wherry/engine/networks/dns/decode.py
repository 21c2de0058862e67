"""Bytes to values: questions of clients and answers of other servers.

Answers of other servers are passed on as they came, so only what is decided upon is read here: the
question, the code, addresses, aliases and times to live.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Final

from wherry.engine.networks.dns.message import (
    CLASS_IN,
    DO,
    FORMERR,
    HEADER,
    LONGEST_NAME,
    NOERROR,
    NOTIMP,
    NXDOMAIN,
    OPCODE,
    QR,
    RECORD,
    SMALLEST_UDP,
    TC,
    TYPE_A,
    TYPE_AAAA,
    TYPE_CLASS,
    TYPE_CNAME,
    TYPE_OPT,
    TYPE_SOA,
    MalformedError,
    Query,
    Record,
    RefusedError,
    Response,
)

_POINTER: Final = struct.Struct("!H")
_MOST_STEPS: Final = 256
_OPTION_START: Final = b"\0" + TYPE_OPT.to_bytes(2, "big")
_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_*")


def decode_query(data: bytes) -> Query:
    """A client's message. Raises RefusedError, or MalformedError where silence is the answer."""
    if len(data) < HEADER.size:
        raise MalformedError("shorter than a header")
    id_, flags, questions, answers, authorities, additionals = HEADER.unpack_from(data)
    if flags & QR:
        raise MalformedError("a response")  # never answered: two servers would go on forever
    if flags & OPCODE:
        raise RefusedError("not a standard query", id_, flags, NOTIMP)
    try:
        if questions != 1 or answers or authorities:
            raise MalformedError("not exactly one question")
        name, end = _name(data, HEADER.size)
        type_, cls = _unpack(TYPE_CLASS, data, end)
        end += TYPE_CLASS.size
        question = data[HEADER.size : end]
        option = _find_option(data, end, additionals)
    except MalformedError as error:
        raise RefusedError(str(error), id_, flags, FORMERR) from None
    if option is None:
        return Query(id_, flags, question, name, type_, cls)
    size, extended = option
    return Query(
        id_, flags, question, name, type_, cls,
        udp_size=max(SMALLEST_UDP, size),
        edns=True,
        edns_version=extended >> 16 & 0xFF,
        wants_dnssec=bool(extended & DO),
    )  # fmt: skip


def decode_response(data: bytes) -> Response:
    """Another server's answer. Raises MalformedError."""
    id_, flags, questions, answers, authorities, additionals = _unpack(HEADER, data, 0)
    if not flags & QR or questions != 1:
        raise MalformedError("not an answer to one question")
    name, end = _name(data, HEADER.size)
    type_, _cls = _unpack(TYPE_CLASS, data, end)
    end += TYPE_CLASS.size
    rcode, truncated = flags & 0xF, bool(flags & TC)
    if truncated:  # the rest may be cut anywhere
        return Response(id_, rcode, True, name, type_, (), None)
    records = []
    for _ in range(answers):
        record, end = _record(data, end)
        records.append(record)
    negative = rcode == NXDOMAIN or (rcode == NOERROR and not any(r.type == type_ for r in records))
    ttl = _soa_ttl(data, end, authorities) if negative else None
    option_at = _last_option(data, end, authorities + additionals)
    return Response(id_, rcode, False, name, type_, tuple(records), ttl, option_at)


def address_of(name: str) -> str | None:
    """The address that a reverse name asks for, None for any other name (RFC 1035, 3596)."""
    labels = name.split(".")
    if name.endswith(".in-addr.arpa") and len(labels) == 6:
        text = ".".join(reversed(labels[:4]))
        family = socket.AF_INET
    elif name.endswith(".ip6.arpa") and len(labels) == 34:
        digits = "".join(reversed(labels[:32]))
        text = ":".join(digits[i : i + 4] for i in range(0, len(digits), 4))
        family = socket.AF_INET6
    else:
        return None
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, text))
    except OSError:
        return None


def _unpack(form: struct.Struct, data: bytes, at: int) -> tuple[int, ...]:
    try:
        return form.unpack_from(data, at)
    except struct.error:
        raise MalformedError("message ends too early") from None


def _name(data: bytes, at: int) -> tuple[str, int]:
    """The name at an offset, and where it ends; pointers lead backwards only, so it ends."""
    labels: list[str] = []
    end, lowest, length = 0, at, 0
    for _ in range(_MOST_STEPS):
        if at >= len(data):
            raise MalformedError("name ends too early")
        size = data[at]
        if size >= 0xC0:
            end = end or at + 2
            (pointer,) = _unpack(_POINTER, data, at)
            at = pointer & 0x3FFF
            if not HEADER.size <= at < lowest:
                raise MalformedError("name points forward, or into the header")
            lowest = at
            continue
        if size >= 0x40:
            raise MalformedError("unknown kind of label")
        if not size:
            return ".".join(labels), end or at + 1
        label = data[at + 1 : at + 1 + size]
        length += size + 1
        if len(label) < size or length >= LONGEST_NAME:
            raise MalformedError("name too long")
        labels.append(_label(label))
        at += size + 1
    raise MalformedError("name does not end")


def _label(label: bytes) -> str:
    label = label.lower()
    if _PLAIN.issuperset(label):
        return label.decode("ascii")
    return "".join(chr(b) if b in _PLAIN else f"\\{b:03d}" for b in label)


def _record(data: bytes, at: int) -> tuple[Record, int]:
    name, at = _name(data, at)
    type_, cls, ttl, size = _unpack(RECORD, data, at)
    at += RECORD.size
    if at + size > len(data):
        raise MalformedError("record ends too early")
    text = ""
    if cls == CLASS_IN and type_ == TYPE_A and size == 4:
        text = socket.inet_ntop(socket.AF_INET, data[at : at + 4])
    elif cls == CLASS_IN and type_ == TYPE_AAAA and size == 16:
        text = socket.inet_ntop(socket.AF_INET6, data[at : at + 16])
    elif type_ == TYPE_CNAME:
        text, _ = _name(data, at)
    # RFC 2181 section 8: a TTL with the highest bit set counts as zero
    return Record(name, type_, ttl if ttl < 1 << 31 else 0, text), at + size


def _soa_ttl(data: bytes, at: int, count: int) -> int | None:
    for _ in range(count):
        start = at
        record, at = _record(data, at)
        if record.type == TYPE_SOA and at - start >= 22:
            (minimum,) = struct.unpack_from("!I", data, at - 4)
            return min(record.ttl, int(minimum))
    return None


def _records(data: bytes, at: int, count: int) -> Iterator[tuple[int, int]]:
    """Start and end of each of so many records."""
    for _ in range(count):
        start = at
        _, at = _name(data, at)
        at += RECORD.size + _unpack(RECORD, data, at)[3]
        if at > len(data):
            raise MalformedError("record ends too early")
        yield start, at


def _find_option(data: bytes, at: int, count: int) -> tuple[int, int] | None:
    """UDP size, and the field of extended flags, of the OPT record among the additional ones."""
    for start, _ in _records(data, at, count):
        if data[start] == 0:
            type_, size, extended, _ = RECORD.unpack_from(data, start + 1)
            if type_ == TYPE_OPT:
                return size, extended
    return None


def _last_option(data: bytes, at: int, count: int) -> int:
    start = max((start for start, _ in _records(data, at, count)), default=0)
    return start if data[start : start + 3] == _OPTION_START else 0
