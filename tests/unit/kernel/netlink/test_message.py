"""netlink's wire format: what is written can be read, and damage is refused."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.kernel.netlink import message
from wherry.kernel.netlink.message import Message, Request


@given(st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=40)), max_size=8))
def test_attributes_come_back(rows: list[tuple[int, bytes]]) -> None:
    data = b"".join(message.attribute(kind, value) for kind, value in rows)
    assert len(data) % 4 == 0
    assert list(message.attributes(data)) == rows


@given(st.binary(max_size=60))
def test_damage_raises_value_error_and_nothing_else(data: bytes) -> None:
    for read in (message.attributes, message.messages):
        try:
            list(read(data))
        except ValueError:
            continue


def test_request_has_header_and_padding() -> None:
    data = Request(16, message.NLM_F_CREATE, b"abc").encode(7)
    size, kind, flags, sequence, port = struct.unpack_from("=IHHII", data)
    assert (size, kind, sequence, port) == (19, 16, 7, 0)
    assert flags == message.NLM_F_CREATE | message.NLM_F_REQUEST
    assert data[16:] == b"abc\0"


def test_nested_members_are_found_under_the_plain_type() -> None:
    data = message.nested(18, message.text(1, "veth"), message.number(2, 5))
    inner = message.attribute_table(message.attribute_table(data)[18])
    assert message.read_text(inner[1]) == "veth"
    assert message.read_number(inner[2]) == 5


def test_acknowledgement_is_no_failure() -> None:
    assert message.failure(Message(2, 0, 1, struct.pack("=i", 0) + bytes(16)), "x") is None


def test_failure_tells_what_why_and_the_kernels_words() -> None:
    body = struct.pack("=i", -errno.EINVAL) + bytes(16) + message.text(1, "Device is up")
    flags = message.NLM_F_CAPPED | message.NLM_F_ACK_TLVS
    failed = message.failure(Message(2, flags, 1, body), "change link eth0")
    assert failed is not None
    assert failed.errno == errno.EINVAL
    assert failed.strerror == "change link eth0: Invalid argument: Device is up"


def test_text_with_a_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="null"):
        message.text(1, "a\0b")
