"""Reading logged packets."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.kernel.netlink.message import Message, attribute
from wherry.kernel.netlink.nflog import LoggedPacket, decode, decode_packet

V4 = bytes((0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 2, 192, 0, 2, 7))
V6 = (
    bytes((0x60, 0, 0, 0, 0, 8, 17, 64)) + b"\xfd" + bytes(14) + b"\2" + b"\xfd" + bytes(14) + b"\3"
)
PORTS = struct.pack("!HH", 40000, 443)


@pytest.mark.parametrize(
    ("data", "packet"),
    [
        (V4 + PORTS, LoggedPacket("10.0.0.2", "192.0.2.7", "tcp", 443)),
        (V4, LoggedPacket("10.0.0.2", "192.0.2.7", "tcp", 0)),
        (V6 + PORTS, LoggedPacket("fd00::2", "fd00::3", "udp", 443)),
        (V4[:19], None),
        (b"", None),
        (b"\x00" * 60, None),
    ],
)
def test_headers(data: bytes, packet: LoggedPacket | None) -> None:
    assert decode_packet(data) == packet


def test_messages() -> None:
    body = bytes(4) + attribute(9, V4 + PORTS)
    assert decode(Message(0x400, 0, 0, body)) == LoggedPacket("10.0.0.2", "192.0.2.7", "tcp", 443)
    assert decode(Message(2, 0, 0, body)) is None


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(data: bytes) -> None:
    decode_packet(data)
    decode(Message(0x400, 0, 0, data))
