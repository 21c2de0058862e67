"""Attach and exec over taken-over connections."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.api.conftest import Asker, Engine
from wherry.api import detachkeys
from wherry.engine.values.streams import AttachRequest
from wherry.errors import Invalid
from wherry.http.client import RawConnection

RAW = "application/vnd.docker.raw-stream"
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"
ATTACH = "/containers/web/attach?stream=1&stdin=1&stdout=1&stderr=1"
FRAMED = b"\1\0\0\0\0\0\0\4out\n\2\0\0\0\0\0\0\4err\n"


async def upgraded(ask: Asker, target: str, body: object = None) -> tuple[str, RawConnection]:
    payload = b"" if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if payload else {}
    answer, raw = await ask.client.upgrade("POST", target, body=payload, headers=headers)
    assert raw is not None, (answer.status, await answer.read())
    return answer.headers["content-type"], raw


async def test_attach_frames_both_outputs(ask: Asker, engine: Engine) -> None:
    engine.containers.streams.after_input = True
    kind, raw = await upgraded(ask, ATTACH)
    await raw.write(b"hello")
    raw.end()
    assert (kind, await raw.read_all()) == (MULTIPLEXED, FRAMED)
    assert engine.containers.streams.heard == b"hello"
    assert engine.containers.asked == [AttachRequest(True, True, True, False, True)]
    await asyncio.wait_for(engine.containers.streams.closed.wait(), 10)


async def test_attach_to_a_terminal_is_raw(ask: Asker, engine: Engine) -> None:
    engine.containers.streams.tty = True
    kind, raw = await upgraded(ask, ATTACH)
    assert (kind, await raw.read_all()) == (RAW, b"out\nerr\n")
    kind, raw = await upgraded(ask, "/v1.41" + ATTACH)
    assert kind == RAW
    raw.close()


async def test_attach_without_upgrade(ask: Asker) -> None:
    reader, writer = await asyncio.open_unix_connection(ask.path)
    writer.write(f"POST {ATTACH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    head, _, said = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n") and b"Transfer-Encoding" not in head
    assert f"Content-Type: {RAW}".encode() in head.splitlines()
    assert said == FRAMED


async def test_attach_errors_keep_http(ask: Asker) -> None:
    answer, raw = await ask.client.upgrade("POST", "/containers/no/attach")
    assert (answer.status, raw) == (404, None)
    await answer.read()
    assert "Invalid detach keys" in await ask.error("POST", f"{ATTACH}&detachKeys=ab", None, 400)


async def test_detach_keys(ask: Asker, engine: Engine) -> None:
    streams = engine.containers.streams
    streams.tty = streams.after_input = True
    _, raw = await upgraded(ask, f"{ATTACH}&detachKeys=ctrl-a,x")
    await raw.write(b"one\1")
    await raw.write(b"y\1")
    await raw.write(b"xrest")
    assert await raw.read_all() == b""
    await asyncio.wait_for(streams.closed.wait(), 10)
    assert streams.heard == b"one\1y" and streams.detached


async def test_attachment_is_closed_when_the_client_goes(ask: Asker, engine: Engine) -> None:
    engine.containers.streams.after_input = True
    _, raw = await upgraded(ask, ATTACH)
    raw.close()
    await asyncio.wait_for(engine.containers.streams.closed.wait(), 10)


async def test_exec(ask: Asker, engine: Engine) -> None:
    made = await ask.json("POST", "/containers/web/exec", {"Cmd": ["true"]}, 201)
    assert made == {"Id": "e1"}
    engine.execs.streams.after_input = True
    kind, raw = await upgraded(ask, "/exec/e1/start", {"Detach": False, "Tty": False})
    await raw.write(b"in")
    raw.end()
    assert (kind, await raw.read_all()) == (MULTIPLEXED, b"\1\0\0\0\0\0\0\2hi")
    assert engine.execs.streams.heard == b"in"
    shown = await ask.json("GET", "/exec/e1/json")
    assert shown["ProcessConfig"] == {
        "tty": False, "entrypoint": "sh", "arguments": ["-c", "true"], "privileged": False,
    }  # fmt: skip
    assert shown["ExitCode"] is None and shown["DetachKeys"] == ""


async def test_a_detached_exec(ask: Asker) -> None:
    answer = await ask.send("POST", "/exec/e1/start", {"Detach": True})
    assert (answer.status, await answer.read()) == (200, b"")


async def test_exec_failures_are_told_in_the_stream(ask: Asker, engine: Engine) -> None:
    engine.execs.failure = Invalid("executable file not found in $PATH")
    _, raw = await upgraded(ask, "/exec/e1/start", {})
    assert await raw.read_all() == b"\1\0\0\0\0\0\0\x24executable file not found in $PATH\r\n"
    _, raw = await upgraded(ask, "/exec/e1/start", {"Tty": True})
    assert await raw.read_all() == b"executable file not found in $PATH\r\n"


async def test_exec_errors_before(ask: Asker) -> None:
    message = await ask.error("POST", "/containers/web/exec", {}, 400)
    assert message == "no exec command specified"
    message = await ask.error("POST", "/exec/zz/start", {}, 404)
    assert message == "No such exec instance: zz"
    message = await ask.error("POST", "/exec/e1/start", {"Tty": "yes"}, 400)
    assert message == (
        "invalid JSON: json: cannot unmarshal string into Go struct field "
        "ExecStartOptions.Tty of type bool"
    )


@pytest.mark.parametrize(
    ("text", "keys"),
    [("", b"\x10\x11"), ("ctrl-@", b"\0"), ("a,ctrl-[,ctrl-_", b"a\x1b\x1f"), ("ctrl-z", b"\x1a")],
)
def test_key_notation(text: str, keys: bytes) -> None:
    assert detachkeys.parse(text) == keys


@pytest.mark.parametrize("text", ["ab", "ctrl-", "ctrl-pq", "ctrl-A", ",", "é"])
def test_bad_key_notation(text: str) -> None:
    with pytest.raises(Invalid):
        detachkeys.parse(text)


@given(
    st.lists(st.text("ab", max_size=4).map(str.encode), max_size=8),
    st.sampled_from([b"ab", b"aab", b"a"]),
)
def test_detach_scanner_agrees_with_a_search(parts: list[bytes], keys: bytes) -> None:
    scanner = detachkeys.DetachScanner(keys)
    passed, detached = b"", False
    for part in parts:
        out, detached = scanner.feed(part)
        passed += out
        if detached:
            break
    whole = b"".join(parts)
    assert detached == (keys in whole)
    if detached:
        assert passed == whole[: whole.index(keys)]
    else:
        assert whole.startswith(passed) and len(whole) - len(passed) < len(keys)
