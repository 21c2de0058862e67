"""DNS messages as values, and the numbers of the protocol, as far as a forwarder needs them.

Names are text, lower case, without the final dot; bytes that no host name has (a dot or backslash
inside a label, anything outside ASCII) are escaped as in RFC 1035 section 5.1, so that different
names never read the same. `decode` and `encode` turn bytes into these values and back; nothing
here does I/O.

Sources: RFC 1035 (messages), RFC 2308 (negative answers), RFC 6891 (EDNS), RFC 8914 (extended
errors), RFC 4343 (case), RFC 2181 (times to live).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

TYPE_A: Final = 1
TYPE_CNAME: Final = 5
TYPE_SOA: Final = 6
TYPE_PTR: Final = 12
TYPE_AAAA: Final = 28
TYPE_OPT: Final = 41
CLASS_IN: Final = 1

NOERROR: Final = 0
FORMERR: Final = 1
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
NOTIMP: Final = 4
REFUSED: Final = 5
BADVERS: Final = 16

PROHIBITED: Final = 18
"""Extended error: policy forbids the name (RFC 8914, section 4.19)."""

SMALLEST_UDP: Final = 512
LARGEST: Final = 65535
OUR_UDP_SIZE: Final = 1232
"""What we offer to take over UDP: fits every path without fragments (DNS flag day 2020)."""


HEADER: Final = struct.Struct("!6H")
"""Id, flags, and the counts of questions, answers, authorities and additional records."""
TYPE_CLASS: Final = struct.Struct("!HH")
RECORD: Final = struct.Struct("!HHIH")
"""What follows a record's name: type, class, time to live, length of the data."""

QR: Final = 0x8000
OPCODE: Final = 0x7800
AA: Final = 0x0400
TC: Final = 0x0200
RD: Final = 0x0100
RA: Final = 0x0080
CD: Final = 0x0010
DO: Final = 0x8000
"""Of the field in an OPT record where others have their TTL, as is the version above it."""
LONGEST_NAME: Final = 255


class MalformedError(ValueError):
    """The bytes are no DNS message, or none that can be read."""


class RefusedError(MalformedError):
    """A client's message that cannot be read but deserves an answer with this code."""

    def __init__(self, text: str, id_: int, flags: int, rcode: int) -> None:
        super().__init__(text)
        self.id = id_
        self.flags = flags
        self.rcode = rcode


@dataclass(frozen=True, slots=True)
class Query:
    """A question from a client. `question` is its wire form as it came (case kept).

    `udp_size` is the longest answer that the client takes over UDP.
    """

    id: int
    flags: int
    question: bytes
    name: str
    type: int
    cls: int
    udp_size: int = SMALLEST_UDP
    edns: bool = False
    edns_version: int = 0
    wants_dnssec: bool = False

    @property
    def key(self) -> tuple[str, int, int, bool, bool]:
        """Queries with equal keys may be given the same answer."""
        return self.name, self.type, self.cls, self.wants_dnssec, bool(self.flags & CD)


@dataclass(frozen=True, slots=True)
class Record:
    """One resource record of an answer; `data` is an address or a name as text, else ""."""

    name: str
    type: int
    ttl: int
    data: str


@dataclass(frozen=True, slots=True)
class Response:
    """What is looked at in another server's answer; `records` is its answer section.

    `negative_ttl` is how long the absence holds (seconds, RFC 2308 section 5), None where the
    answer is positive or does not say. `option_at` is where the message's OPT record begins if
    that is the last record (servers put it there), else 0.
    """

    id: int
    rcode: int
    truncated: bool
    name: str
    type: int
    records: tuple[Record, ...]
    negative_ttl: int | None
    option_at: int = 0
