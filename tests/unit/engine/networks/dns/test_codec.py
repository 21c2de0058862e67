"""DNS messages: what is read, what is written, and that no bytes do harm."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.engine.networks.dns import encode, message
from wherry.engine.networks.dns.decode import address_of, decode_query, decode_response
from wherry.engine.networks.dns.message import MalformedError, Query, RefusedError

OPTION = b"\0" + struct.pack("!HHIH", 41, 4096, 0, 0)


def question(name: str, type_: int = 1) -> bytes:
    return encode.encode_name(name) + struct.pack("!HH", type_, 1)


def asked(name: str, type_: int = 1, *, flags: int = 0x0100, option: bytes = b"") -> bytes:
    head = struct.pack("!6H", 0x1234, flags, 1, 0, 0, bool(option))
    return head + question(name, type_) + option


def answered(
    body: bytes, answers: int, *, authorities: int = 0, more: int = 0, flags: int = 0x8180
) -> bytes:
    return struct.pack("!6H", 7, flags, 1, answers, authorities, more) + body


def record(name: bytes, type_: int, ttl: int, data: bytes) -> bytes:
    return name + struct.pack("!HHIH", type_, 1, ttl, len(data)) + data


def test_a_question_is_read_and_its_case_is_kept_for_the_answer() -> None:
    query = decode_query(asked("WWW.Example.ORG"))
    assert (query.id, query.name, query.type, query.udp_size) == (
        0x1234, "www.example.org", 1, 512,
    )  # fmt: skip
    assert b"Example" in encode.answer_addresses(query, ["192.0.2.1"], 60)


def test_edns_gives_size_and_flags() -> None:
    option = b"\0" + struct.pack("!HHIH", 41, 4096, 0x8000, 0)
    query = decode_query(asked("a", option=option))
    assert (query.udp_size, query.edns, query.wants_dnssec) == (4096, True, True)


def test_a_small_edns_size_counts_as_512() -> None:
    option = b"\0" + struct.pack("!HHIH", 41, 100, 0, 0)
    assert decode_query(asked("a", option=option)).udp_size == 512


@pytest.mark.parametrize(
    ("data", "rcode"),
    [
        pytest.param(asked("a", flags=0x2900), message.NOTIMP, id="an update"),
        pytest.param(struct.pack("!6H", 1, 0, 0, 0, 0, 0), message.FORMERR, id="no question"),
        pytest.param(struct.pack("!6H", 1, 0, 2, 0, 0, 0), message.FORMERR, id="two questions"),
        pytest.param(asked("a")[:-1], message.FORMERR, id="cut"),
        pytest.param(
            struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1",
            message.FORMERR,
            id="points at itself",
        ),
        pytest.param(
            struct.pack("!6H", 1, 0, 1, 0, 0, 0) + b"\xc0\x00\0\1\0\1",
            message.FORMERR,
            id="points into the header",
        ),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_code(data: bytes, rcode: int) -> None:
    with pytest.raises(RefusedError) as caught:
        decode_query(data)
    reply = encode.refuse(caught.value)
    assert reply[:2] == data[:2]
    assert reply[3] & 0xF == rcode


@pytest.mark.parametrize("data", [b"", b"\0" * 11, asked("a", flags=0x8100)])
def test_answers_and_fragments_are_met_with_silence(data: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        decode_query(data)
    assert not isinstance(caught.value, RefusedError)


def test_dots_inside_a_label_are_not_dots_between_labels() -> None:
    wire = b"\3a.b\3ORG\0" + struct.pack("!HH", 1, 1)
    data = struct.pack("!6H", 1, 0, 1, 0, 0, 0) + wire
    assert decode_query(data).name == "a\\046b.org"


def test_an_answer_with_an_alias_is_read_through_its_pointers() -> None:
    alias = record(b"\xc0\x0c", 5, 300, b"\3cdn\xc0\x10")
    target = 12 + len(question("www.example.org")) + 12  # behind the alias' fixed fields
    address = record(struct.pack("!H", 0xC000 | target), 1, 60, bytes((192, 0, 2, 9)))
    response = decode_response(answered(question("www.example.org") + alias + address, 2))
    assert [(r.name, r.type, r.ttl, r.data) for r in response.records] == [
        ("www.example.org", 5, 300, "cdn.example.org"),
        ("cdn.example.org", 1, 60, "192.0.2.9"),
    ]
    assert response.negative_ttl is None


@pytest.mark.parametrize("flags", [0x8183, 0x8180])
def test_a_no_holds_as_long_as_the_zone_says(flags: int) -> None:
    zone = record(b"\0", 6, 900, b"\0\0" + struct.pack("!5I", 1, 2, 3, 4, 30))
    response = decode_response(answered(question("no.test") + zone, 0, authorities=1, flags=flags))
    assert response.negative_ttl == 30


def test_the_option_is_taken_out_for_a_client_that_did_not_ask_for_it() -> None:
    address = record(b"\xc0\x0c", 1, 60, bytes(4))
    data = answered(question("a.test") + address + OPTION, 1, more=1)
    plain, modern = (
        Query(9, 0x100, question("A.test"), "a.test", 1, 1, edns=edns) for edns in (False, True)
    )
    response = decode_response(data)
    passed = encode.pass_on(plain, data, response)
    assert passed[:2] == b"\0\x09"
    assert passed[10:12] == b"\0\0"
    assert passed.endswith(address)
    assert b"\1A\4test" in passed
    assert encode.pass_on(modern, data, response).endswith(OPTION)


def test_what_was_cut_elsewhere_sends_the_client_to_tcp() -> None:
    query = decode_query(asked("a.test"))
    data = answered(question("a.test") + b"\xff", 3, flags=0x8380)
    passed = encode.pass_on(query, data, decode_response(data))
    assert passed[2] & 0x02
    assert decode_response(passed).truncated


def test_an_answer_that_does_not_fit_is_cut() -> None:
    query = decode_query(asked("a.test"))
    whole = encode.answer_addresses(query, [f"10.0.0.{i}" for i in range(60)], 600)
    cut = encode.fit(query, whole, query.udp_size)
    assert len(cut) <= 512
    assert decode_response(cut).truncated
    assert encode.fit(query, whole, 65535) == whole


def test_an_extended_error_needs_edns() -> None:
    plain, modern = decode_query(asked("a")), decode_query(asked("a", option=OPTION))
    assert b"\0\x0f\0\x02\0\x12" not in encode.answer(plain, 3, extended_error=18)
    assert b"\0\x0f\0\x02\0\x12" in encode.answer(modern, 3, extended_error=18)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("4.3.2.1.in-addr.arpa", "1.2.3.4"),
        ("1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa", "2001:db8::1"),
        ("4.3.2.in-addr.arpa", None),
        ("x.3.2.1.in-addr.arpa", None),
        ("example.org", None),
    ],
)
def test_reverse_names(name: str, address: str | None) -> None:
    assert address_of(name) == address


@given(st.binary(max_size=600))
def test_no_bytes_confuse_the_reader_of_questions(data: bytes) -> None:
    try:
        query = decode_query(data)
    except RefusedError as error:
        assert len(encode.refuse(error)) == 12
    except MalformedError:
        pass
    else:
        assert query.question in data
        assert decode_response(encode.answer(query, 0)).name == query.name


@given(st.binary(max_size=600), st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
def test_no_bytes_confuse_the_reader_of_answers(
    body: bytes, answers: int, authorities: int, more: int
) -> None:
    data = struct.pack("!6H", 7, 0x8180, 1, answers, authorities, more) + body
    try:
        response = decode_response(data)
    except MalformedError:
        return
    query = Query(1, 0, body[: len(encode.encode_name("a"))], response.name, response.type, 1)
    encode.pass_on(query, data, response)


@given(st.binary(min_size=1, max_size=300), st.integers(0, 200))
def test_a_damaged_answer_is_read_or_refused(noise: bytes, at: int) -> None:
    address = record(b"\xc0\x0c", 1, 60, bytes(4))
    data = bytearray(answered(question("www.example.org") + address * 3 + OPTION, 3, more=1))
    data[12 + at : 12 + at + len(noise)] = noise
    with contextlib.suppress(MalformedError):
        decode_response(bytes(data))


labels = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=63)


@given(st.lists(labels, min_size=1, max_size=6))
def test_names_survive_the_wire(parts: list[str]) -> None:
    name = ".".join(parts)
    if len(name) > 250:
        with pytest.raises(MalformedError):
            decode_query(struct.pack("!6H", 1, 0, 1, 0, 0, 0) + encode.encode_name(name))
        return
    assert decode_query(asked(name)).name == name
