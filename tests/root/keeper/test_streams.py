"""Output: kept, told to followers, held back for slow ones, whole at the end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.root.keeper.harness import Client, Keeper, eventually
from wherry.engine.containers.logs.reader import LogReader
from wherry.runtime import protocol

MIB = 2**20


def log_to(directory: Path, max_size: int = 20_000_000, max_files: int = 5) -> dict[str, object]:
    return {"directory": str(directory), "max_size": max_size, "max_files": max_files}


def read_all(directory: str) -> dict[int, bytes]:
    found = {1: b"", 2: b""}
    with LogReader(directory) as reader:
        position, end = reader.begin(), reader.end()
        while chunks := reader.read(position, end):
            for chunk in chunks:
                found[chunk.stream] += chunk.data
            position = chunks[-1].end
    return found


def read_following(client: Client, id: str, directory: str, number: int) -> int:
    """Play a follower until the stream has ended; how many bytes it was given."""
    position = total = 0
    with LogReader(directory) as reader:
        while True:
            ends = [e["end"] for e in client.events if e.get("id") == id and e["end"] is not None]
            grown = [e["end"] for e in client.events if e.get("follower") == number]
            if not ends and not grown:
                client._receive()
                continue
            client.events = [e for e in client.events if e.get("follower") != number]
            end = max(ends + grown)
            while chunks := reader.read(position, end):
                assert chunks[0].offset == position
                total += sum(len(chunk.data) for chunk in chunks)
                position = chunks[-1].end
            if ends:
                return total
            client.send("seen", stream=id, follower=number, offset=position)
            drain(client)


def drain(client: Client) -> None:
    try:
        while True:
            client._receive_now()
    except BlockingIOError:
        pass


def test_both_outputs_are_logged_apart(client: Client, tmp_path: Path) -> None:
    client.start("a", ["/bin/sh", "-c", "echo out; echo err >&2"], log=log_to(tmp_path / "log"))
    row = client.wait_exit("a")
    assert row["end"] == len("out\nerr\n")
    assert read_all(row["directory"]) == {1: b"out\n", 2: b"err\n"}


def test_silence_makes_no_files(kept: Keeper, client: Client, tmp_path: Path) -> None:
    client.start("a", ["/bin/true"], log=log_to(tmp_path / "log"))
    client.wait_exit("a")
    assert not (tmp_path / "log").exists()
    assert os.listdir(kept.root / "containers/a") == ["exit"]


def test_a_second_run_goes_on_in_the_same_log(client: Client, tmp_path: Path) -> None:
    for word in ("one", "two"):
        answer, _ = client.start("a", ["/bin/echo", word], log=log_to(tmp_path / "log"))
        client.wait_exit("a")
        client.ask("forget", id="a")
    assert answer["begin"] == 4
    assert read_all(str(tmp_path / "log"))[1] == b"one\ntwo\n"


def test_the_log_is_bounded(client: Client, tmp_path: Path) -> None:
    log = log_to(tmp_path / "log", max_size=100_000, max_files=3)
    client.start("a", ["/usr/bin/seq", "1000000"], log=log)
    row = client.wait_exit("a")
    assert row["end"] == sum(len(f"{n}\n") for n in range(1, 1_000_001))
    sizes = [path.stat().st_size for path in (tmp_path / "log").iterdir()]
    assert len(sizes) == 6
    assert sum(sizes) <= 3 * 100_000
    assert read_all(row["directory"])[1].endswith(b"\n999999\n1000000\n")


def test_a_follower_is_told_from_the_start_and_of_the_end(client: Client, tmp_path: Path) -> None:
    client.start("a", ["/bin/sh", "-c", "echo hello"], log=log_to(tmp_path / "log"), follower=7)
    assert read_following(client, "a", str(tmp_path / "log"), 7) == len("hello\n")


def test_a_slow_follower_is_waited_for(client: Client, tmp_path: Path) -> None:
    log = log_to(tmp_path / "log", max_size=100_000, max_files=2)
    client.start("a", ["/usr/bin/seq", "300000"], log=log, follower=7)
    eventually(lambda: client.row("a")["end"] > 100_000)
    time.sleep(0.2)
    assert client.row("a")["end"] <= 200_000
    assert client.row("a")["status"] is None
    total = read_following(client, "a", str(tmp_path / "log"), 7)
    assert total == sum(len(f"{n}\n") for n in range(1, 300_001))


@pytest.mark.parametrize("how", ["unfollow", "hang up"])
def test_a_follower_that_leaves_holds_nobody_back(
    kept: Keeper, client: Client, tmp_path: Path, how: str
) -> None:
    log = log_to(tmp_path / "log", max_size=100_000, max_files=2)
    other = kept.client()
    other.start("a", ["/usr/bin/seq", "300000"], log=log, follower=7)
    eventually(lambda: client.row("a")["end"] > 100_000)
    if how == "unfollow":
        other.send("unfollow", stream="a", follower=7)
    else:
        other.close()
    client.wait_exit("a")
    other.close()


def test_a_spool_holds_back_only_for_followers(kept: Keeper, client: Client) -> None:
    script = "dd if=/dev/zero bs=1M count=16 2>/dev/null"
    client.start("free", ["/bin/sh", "-c", script])
    assert client.wait_exit("free")["end"] == 16 * MIB
    client.start("held", ["/bin/sh", "-c", script], follower=3)
    eventually(lambda: client.row("held")["end"] > MIB)
    time.sleep(0.2)
    row = client.row("held")
    assert row["status"] is None
    assert row["end"] <= 4 * MIB
    assert read_following(client, "held", row["directory"], 3) == 16 * MIB
    assert Path(row["directory"]).is_dir()
    client.ask("forget", id="held")
    assert not Path(row["directory"]).exists()


def test_a_noisy_neighbour_starves_nobody(client: Client, tmp_path: Path) -> None:
    for n in range(2):
        client.start(f"noisy{n}", ["/bin/cat", "/dev/zero"])
    for n in range(20):
        client.start(f"quiet{n}", ["/bin/echo", "here"], log=log_to(tmp_path / str(n)))
        assert client.wait_exit(f"quiet{n}")["end"] == 5
    assert all(client.row(f"noisy{n}")["end"] > MIB for n in range(2))


def test_output_held_open_ends_after_the_exit(client: Client, tmp_path: Path) -> None:
    script = "(sleep 0.5; echo late) & echo early"
    client.start("a", ["/bin/sh", "-c", script], log=log_to(tmp_path / "log"))
    assert client.event("exit", id="a")["end"] is None
    assert client.event("ended", id="a")["end"] == len("early\nlate\n")


def test_stdin_survives_the_client_and_ends_when_closed(kept: Keeper, tmp_path: Path) -> None:
    first = kept.client()
    _, fds = first.start("a", ["/bin/cat"], stdin=True, log=log_to(tmp_path / "log"))
    os.write(fds["stdin"], b"one ")
    protocol.close_all(list(fds.values()))
    first.close()
    second = kept.client()
    time.sleep(0.1)
    assert second.row("a")["status"] is None
    _, fds = second.answer(second.send("adopt", stream="a"))
    os.write(fds["stdin"], b"two")
    protocol.close_all(list(fds.values()))
    second.ask("close_stdin", stream="a")
    assert second.wait_exit("a")["end"] == len("one two")
    second.close()


def test_terminal_output_and_late_reopening(client: Client, tmp_path: Path) -> None:
    script = "echo one; exec >/dev/null 2>&1 </dev/null; sleep 0.3; echo two >/dev/tty"
    _, fds = client.start(
        "a", ["/bin/sh", "-c", script], terminal=True, log=log_to(tmp_path / "log")
    )
    assert list(fds) == ["pidfd", "pty"]
    row = client.wait_exit("a")
    assert read_all(row["directory"])[1] == b"one\r\ntwo\r\n"
    protocol.close_all(list(fds.values()))


def test_a_log_that_cannot_be_written_is_tried_again(client: Client, tmp_path: Path) -> None:
    blocked = tmp_path / "later"
    client.start("a", ["/bin/sh", "-c", "sleep 0.2; echo kept"], log=log_to(blocked / "log"))
    blocked.write_text("in the way")
    time.sleep(0.5)
    assert client.row("a")["end"] == 0
    blocked.unlink()
    row = client.wait_exit("a")
    assert read_all(row["directory"])[1] == b"kept\n"


def test_a_client_that_reads_nothing_is_dropped_not_waited_for(
    kept: Keeper, client: Client
) -> None:
    stuck = kept.client()
    for _ in range(6000):
        try:
            stuck.send("list")
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            client.ask("ping")
    client.start("a", ["/bin/true"])
    client.wait_exit("a")
    stuck.close()
