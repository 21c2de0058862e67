"""Elements of sets and maps, as bytes and as text."""

from __future__ import annotations

import pytest

from wherry.kernel.nftables.message import Change, batch_size, descriptions, encode_batch
from wherry.kernel.nftables.sets import SetType

PORTS = SetType(
    "publish", ("inet_proto", "ipv4_addr", "inet_service"), ("ipv4_addr", "inet_service")
)
SUBNETS = SetType("masquerade", ("ipv4_addr",), interval=True)
PAIRS = SetType("networks", ("ipv6_addr", "ipv6_addr"), interval=True)


def test_concatenation_is_padded_to_four_bytes() -> None:
    (element,) = PORTS.elements(("tcp", "192.0.2.1", "8080"), ("10.0.0.2", "80"))
    assert element.key == bytes((6, 0, 0, 0, 192, 0, 2, 1, 0x1F, 0x90, 0, 0))
    assert element.data == bytes((10, 0, 0, 2, 0, 80, 0, 0))


def test_text_form() -> None:
    assert (
        PORTS.text(("tcp", "192.0.2.1", "8080"), ("10.0.0.2", "80"))
        == "tcp . 192.0.2.1 . 8080 : 10.0.0.2 . 80"
    )
    assert SetType("bridges", ("ifname",)).text(("br-1",)) == '"br-1"'


def test_declaration() -> None:
    assert SUBNETS.declaration() == "set masquerade { type ipv4_addr; flags interval; }"
    assert PORTS.declaration() == (
        "map publish { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; }"
    )


def test_interval_of_one_field_is_two_elements() -> None:
    first, behind = SUBNETS.elements(("10.1.0.0/16",))
    assert (first.key, first.interval_end) == (bytes((10, 1, 0, 0)), False)
    assert (behind.key, behind.interval_end) == (bytes((10, 2, 0, 0)), True)


def test_interval_that_reaches_the_last_address_has_no_end() -> None:
    (only,) = SUBNETS.elements(("255.255.0.0/16",))
    assert only.key == bytes((255, 255, 0, 0))


def test_interval_in_a_concatenation_has_both_ends_in_one_element() -> None:
    (element,) = PAIRS.elements(("fd00::2", "2001:db8::/32"))
    assert element.key[16:20] == element.last[16:20] == bytes.fromhex("20010db8")
    assert element.last[20:] == b"\xff" * 12
    assert element.key[:16] == element.last[:16]


def test_ifname_fills_sixteen_bytes() -> None:
    (element,) = SetType("bridges", ("ifname",)).elements(("br-1",))
    assert element.key == b"br-1" + bytes(12)


@pytest.mark.parametrize("count", [0, 1, 400, 401, 5000])
def test_batches_are_split_into_messages_that_fit(count: int) -> None:
    elements = [
        each
        for number in range(count)
        for each in PORTS.elements(("tcp", "192.0.2.1", str(number)), ("10.0.0.2", "80"))
    ]
    changes = [Change("publish", elements)]
    data = encode_batch(1, "wherry", changes, 10)
    assert len(descriptions(changes, "wherry")) == batch_size(changes) == 2 + -(-count // 400)
    assert len(data) > count * 40
