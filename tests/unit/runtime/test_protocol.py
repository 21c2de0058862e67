"""Framing: messages and descriptors over a socket pair."""

from __future__ import annotations

import os
from _socket import AF_UNIX, SOCK_SEQPACKET, socketpair
from collections.abc import Iterator

import pytest

from wherry.runtime import protocol

Pair = tuple[protocol.Socket, protocol.Socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ends = socketpair(AF_UNIX, SOCK_SEQPACKET, 0)
    yield ends
    for end in ends:
        end.close()


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"op": "ping", "seq": 1},
        {"nested": [{"a": (1, None, True)}, b"\0\xff", "é\udcff", -1, 2**70]},
        {"long": b"x" * (protocol.INLINE_LIMIT + 1)},
        {"longer": ["word"] * 400_000},
    ],
)
def test_messages_arrive_as_sent(pair: Pair, message: dict[str, object]) -> None:
    protocol.send(pair[0], message)
    assert protocol.receive(pair[1]) == (message, [])


@pytest.mark.parametrize("size", [10, protocol.INLINE_LIMIT + 1])
def test_descriptors_travel_close_on_exec(pair: Pair, size: int) -> None:
    read, write = os.pipe()
    protocol.send(pair[0], {"data": b"x" * size}, [write, read])
    os.close(write)
    received = protocol.receive(pair[1])
    assert received is not None
    fds = received[1]
    assert len(fds) == 2
    assert not any(os.get_inheritable(fd) for fd in fds)
    os.write(fds[0], b"through")
    assert os.read(read, 10) == b"through"
    protocol.close_all([*fds, read, -1])


def test_as_many_descriptors_as_the_kernel_takes(pair: Pair) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    protocol.send(pair[0], {}, [null] * protocol.MAX_FDS)
    received = protocol.receive(pair[1])
    assert received is not None
    assert len(received[1]) == protocol.MAX_FDS
    protocol.close_all([*received[1], null])


def test_end_and_emptiness_are_told_apart(pair: Pair) -> None:
    pair[1].setblocking(False)
    with pytest.raises(BlockingIOError):
        protocol.receive(pair[1])
    pair[0].close()
    assert protocol.receive(pair[1]) is None


@pytest.mark.parametrize("packet", [b"\0", b"\0garbage", b"\1", b"\0[\0\0\0\0"])
def test_what_is_no_message_is_refused_and_its_descriptors_closed(
    pair: Pair, packet: bytes
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    pair[0].send(packet)
    with pytest.raises((ValueError, EOFError, TypeError)):
        protocol.receive(pair[1])
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_is_not_plain_is_not_sent(pair: Pair) -> None:
    with pytest.raises(ValueError, match="unmarshallable"):
        protocol.send(pair[0], {"object": object()})


def test_a_peer_that_is_gone_is_an_error_not_a_signal(pair: Pair) -> None:
    pair[1].close()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        protocol.send(pair[0], {})


def test_log_names_sort_as_their_offsets(tmp_path: os.PathLike[str]) -> None:
    for offset in (0, 9, 10, 10**12):
        for suffix in (protocol.DATA_SUFFIX, protocol.INDEX_SUFFIX):
            with open(os.path.join(tmp_path, protocol.log_name(offset, suffix)), "wb"):
                pass
    assert protocol.log_offsets(os.fspath(tmp_path)) == [0, 9, 10, 10**12]
    assert protocol.log_offsets("/no/such/place") == []
