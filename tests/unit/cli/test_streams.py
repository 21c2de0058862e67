"""Frames, detach keys, progress messages and HTTP, without a daemon."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.cli.api import Api, encode_query
from wherry.cli.detachkeys import DetachKeys, parse_keys
from wherry.cli.failures import ApiFailure, Failure, Unreachable
from wherry.cli.frames import FrameSplitter
from wherry.cli.host import choose, parse
from wherry.cli.http import Connection, ProtocolError
from wherry.cli.progress import messages, progress_text

Serve = Callable[[bytes], Path]
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def frame(stream: int, payload: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(payload)) + payload


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=20))),
    st.integers(1, 30),
)
def test_frames_survive_any_cut(frames: list[tuple[int, bytes]], step: int) -> None:
    out: dict[int, bytes] = {1: b"", 2: b""}

    def write(fd: int, data: bytes) -> None:
        out[fd] += data

    splitter = FrameSplitter(write)
    whole = b"".join(frame(*item) for item in frames)
    for start in range(0, len(whole), step):
        splitter.feed(whole[start : start + step])
    for stream in (1, 2):
        assert out[stream] == b"".join(data for number, data in frames if number == stream)


def test_payloads_do_not_wait_for_the_end_of_their_frame() -> None:
    seen: list[bytes] = []
    splitter = FrameSplitter(lambda _, data: seen.append(data))
    splitter.feed(frame(1, b"x" * 100)[:20])
    assert seen == [b"x" * 12]


def test_detach_keys() -> None:
    keys = DetachKeys(parse_keys(""))
    assert keys.filter(b"ab\x10") == b"ab"
    assert not keys.found
    assert keys.filter(b"c") == b"\x10c"
    assert keys.filter(b"d\x10\x11e") == b"d"
    assert keys.found


def test_spellings_of_detach_keys() -> None:
    assert parse_keys("ctrl-a,d") == b"\x01d"
    assert parse_keys("ctrl-@,ctrl-]") == b"\x00\x1d"
    with pytest.raises(Failure, match="invalid detach keys"):
        parse_keys("foo")


def test_no_keys_pass_everything() -> None:
    assert DetachKeys(b"").filter(b"\x10\x11") == b"\x10\x11"


def test_messages_survive_any_cut() -> None:
    data = b'{"a":1}\r\n{"b":"\xc3\xa9"}{"c":3}\n{"d":4}'
    for step in range(1, len(data)):
        pieces = [data[start : start + step] for start in range(0, len(data), step)]
        assert list(messages(pieces)) == [{"a": 1}, {"b": "é"}, {"c": 3}, {"d": 4}]


def test_progress_bar() -> None:
    assert progress_text({}) == ""
    assert progress_text({"current": 5, "total": 10}).startswith("[" + "=" * 25 + ">")


def test_queries() -> None:
    query = {"a": True, "b": False, "c": None, "d": "x y/é", "e": [1, 2], "f": {"k": {"v": True}}}
    assert encode_query(query) == (
        "?a=1&d=x%20y%2F%C3%A9&e=1&e=2&f=%7B%22k%22%3A%7B%22v%22%3Atrue%7D%7D"
    )
    assert encode_query({}) == ""


def test_hosts() -> None:
    assert choose([], {}).text == "unix:///run/wherry.sock"
    assert choose([], {}).own
    assert choose([], {"WHERRY_EXEC_ROOT": "/x/run"}).address == "/x/run.sock"
    assert not choose([], {"DOCKER_HOST": "unix:///d"}).own
    both = {"DOCKER_HOST": "unix:///d", "WHERRY_HOST": "unix:///w"}
    assert choose([], both).address == "/w"
    assert choose(["tcp://h:1"], both).address == ("h", 1)
    assert parse("tcp://[::1]:5").address == ("::1", 5)
    assert parse("tcp://host").address == ("host", 2375)
    with pytest.raises(Failure, match="ssh"):
        parse("ssh://x")
    with pytest.raises(Failure, match="unable to parse docker host"):
        parse("foo://x")


def get(path: Path) -> bytes:
    connection = Connection(str(path))
    connection.send("GET", "/", {})
    return connection.receive("GET").read()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        CHUNKED + b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
def test_bodies(serve: Serve, answer: bytes) -> None:
    assert get(serve(answer)) == b"hello"


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", b"HTTP/1.1"],
)
def test_answers_that_break_off(serve: Serve, answer: bytes) -> None:
    with pytest.raises(ProtocolError):
        get(serve(answer))


def test_errors_of_the_daemon_keep_their_text(serve: Serve) -> None:
    body = b'{"message":"No such container: x"}'
    path = serve(b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    with pytest.raises(ApiFailure) as caught:
        Api(parse(f"unix://{path}")).get("/containers/x/json")
    assert caught.value.code == 404
    assert caught.value.message == "Error response from daemon: No such container: x"


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(
        Unreachable, match=f"Cannot connect to the Wherry daemon at unix://{tmp_path}"
    ):
        Api(parse(f"unix://{tmp_path}/no")).get("/info")
