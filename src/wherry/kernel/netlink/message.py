"""Netlink's wire format: headers, attributes, answers (netlink(7), linux/netlink.h). No I/O.

A message is a header of 16 bytes and a body; the body is a fixed structure of the family followed
by attributes, each a length, a type and a value, padded to 4 bytes. Numbers are in host order.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

NLMSG_NOOP: Final = 1
NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3

NLM_F_REQUEST: Final = 0x1
NLM_F_MULTI: Final = 0x2
NLM_F_ACK: Final = 0x4
NLM_F_DUMP_INTR: Final = 0x10
NLM_F_REPLACE: Final = 0x100
NLM_F_EXCL: Final = 0x200
NLM_F_CREATE: Final = 0x400
NLM_F_APPEND: Final = 0x800
NLM_F_DUMP: Final = 0x300
NLM_F_CAPPED: Final = 0x100  # of an answer of type NLMSG_ERROR
NLM_F_ACK_TLVS: Final = 0x200  # of an answer of type NLMSG_ERROR

_NLA_F_NESTED: Final = 0x8000
_NLA_TYPE_MASK: Final = 0x3FFF
_NLMSGERR_ATTR_MSG: Final = 1

_HEADER: Final = struct.Struct("=IHHII")
_ATTRIBUTE: Final = struct.Struct("=HH")
_ERRNO: Final = struct.Struct("=i")
_U32: Final = struct.Struct("=I")


@dataclass(frozen=True, slots=True)
class Request:
    """One message to send. `about` names what it is for, in errors: "create link br0"."""

    kind: int
    flags: int
    body: bytes
    about: str = ""

    def encode(self, sequence: int) -> bytes:
        """The message as it goes to the kernel; the sender's port is left to the kernel."""
        size = _HEADER.size + len(self.body)
        header = _HEADER.pack(size, self.kind, self.flags | NLM_F_REQUEST, sequence, 0)
        return padded(header + self.body)


@dataclass(frozen=True, slots=True)
class Message:
    """One message received."""

    kind: int
    flags: int
    sequence: int
    body: bytes


def padded(data: bytes) -> bytes:
    """`data` with zeros up to a multiple of 4 bytes, which is what netlink aligns to."""
    return data + bytes(-len(data) % 4)


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute with its padding."""
    return padded(_ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value)


def nested(kind: int, *members: bytes) -> bytes:
    """An attribute whose value is other attributes."""
    return attribute(kind | _NLA_F_NESTED, b"".join(members))


def text(kind: int, value: str) -> bytes:
    """An attribute of a string with its NUL. Raises ValueError for text with a NUL inside."""
    if "\0" in value:
        raise ValueError("embedded null character")
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """An attribute of 32 bits in host order."""
    return attribute(kind, _U32.pack(value))


def octet(kind: int, value: int) -> bytes:
    """An attribute of 8 bits."""
    return attribute(kind, bytes((value,)))


def messages(data: bytes) -> Iterator[Message]:
    """The messages of one datagram. Raises ValueError when a length is impossible."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        size, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
        if size < _HEADER.size or offset + size > len(data):
            raise ValueError(f"netlink message of {size} bytes in {len(data) - offset}")
        yield Message(kind, flags, sequence, data[offset + _HEADER.size : offset + size])
        offset += size + (-size % 4)


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, value) of each attribute in turn; a type may come twice (lists).

    Raises ValueError when a length is impossible.
    """
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, offset)
        if size < _ATTRIBUTE.size or offset + size > len(data):
            raise ValueError(f"netlink attribute of {size} bytes in {len(data) - offset}")
        yield kind & _NLA_TYPE_MASK, data[offset + _ATTRIBUTE.size : offset + size]
        offset += size + (-size % 4)


def attribute_table(data: bytes) -> Mapping[int, bytes]:
    """The attributes by type; of a type that comes twice the last one counts."""
    return dict(attributes(data))


def read_text(value: bytes) -> str:
    """A string attribute's value."""
    return value.split(b"\0", 1)[0].decode(errors="surrogateescape")


def read_number(value: bytes) -> int:
    """The value of an attribute of 1, 2, 4 or 8 bytes in host order."""
    return int.from_bytes(value, "little" if _U32.pack(1)[0] else "big")


def failure(answer: Message, about: str) -> OSError | None:
    """What an answer of type NLMSG_ERROR says: None for an acknowledgement.

    The text is "what: reason: the kernel's own words", the last part only where it gave some
    (extended acknowledgements, NETLINK_EXT_ACK).
    """
    (negative,) = _ERRNO.unpack_from(answer.body)
    if negative == 0:
        return None
    words = _kernel_words(answer)
    text = f"{about}: {os.strerror(-negative)}" if about else os.strerror(-negative)
    return OSError(-negative, f"{text}: {words}" if words else text)


def _kernel_words(answer: Message) -> str:
    if not answer.flags & NLM_F_ACK_TLVS:
        return ""
    offset = _ERRNO.size + _HEADER.size
    if not answer.flags & NLM_F_CAPPED:
        (size,) = _U32.unpack_from(answer.body, _ERRNO.size)
        offset += size - _HEADER.size + (-size % 4)
    return read_text(attribute_table(answer.body[offset:]).get(_NLMSGERR_ATTR_MSG, b""))
