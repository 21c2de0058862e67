"""Processes of the keeper: started, ended, recorded, forgotten, found again."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests.root.keeper.harness import Answer, Client, Keeper, eventually
from wherry.runtime import protocol


def test_ping_tells_version_and_pids(kept: Keeper, client: Client) -> None:
    answer = client.ask("ping")
    assert answer["version"] == protocol.VERSION
    assert answer["pid"] == kept.process.pid
    os.kill(answer["launcher"], 0)


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 7", 7 << 8), ("kill -9 $$", 9)]
)
def test_exit_is_told_and_recorded(kept: Keeper, client: Client, script: str, status: int) -> None:
    answer, fds = client.start("a", ["/bin/sh", "-c", script])
    assert list(fds) == ["pidfd"]
    event = client.event("exit", id="a")
    assert event["status"] == status
    assert event["pid"] == answer["pid"]
    record = json.loads((kept.root / "containers/a/exit").read_text())
    assert record == {key: event[key] for key in ("pid", "status", "time")}
    client.ask("forget", id="a")
    assert not (kept.root / "containers/a").exists()
    protocol.close_all(list(fds.values()))


def test_start_answers_after_execve(client: Client) -> None:
    answer, fds = client.start("a", ["/bin/sleep", "100"], plan={"wait": 0.2})
    assert os.readlink(f"/proc/{answer['pid']}/exe") == os.path.realpath("/bin/sleep")
    signal.pidfd_send_signal(fds["pidfd"], signal.SIGTERM)
    assert client.event("exit", id="a")["status"] == signal.SIGTERM
    protocol.close_all(list(fds.values()))


def test_processes_are_children_of_the_keeper_and_inherit_nothing(
    kept: Keeper, client: Client
) -> None:
    answer, fds = client.start("a", ["/bin/sleep", "100"])
    pid = answer["pid"]
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    assert int(stat[1]) == kept.process.pid
    # The dynamic linker opens libraries for a moment.
    eventually(lambda: sorted(map(int, os.listdir(f"/proc/{pid}/fd"))) == [0, 1, 2])
    protocol.close_all(list(fds.values()))


@pytest.mark.parametrize(
    ("plan", "step"),
    [
        ({"fail": "cwd"}, "cwd"),
        ({"refuse": True}, "clone"),
        ({"crash": True}, "start"),
        ({"argv": ["/nowhere"]}, "start"),
    ],
)
def test_failed_launch_says_why_and_leaves_nothing(
    kept: Keeper, client: Client, plan: dict[str, object], step: str
) -> None:
    with pytest.raises(Answer) as refused:
        client.start("a", ["/bin/true"], plan=plan)
    assert refused.value.error["step"] == step
    assert client.ask("list")["processes"] == []
    client.start("a", ["/bin/true"])[1].clear()
    client.finish("a")


@pytest.mark.parametrize(
    ("op", "fields"),
    [
        ("no-such", {}),
        ("start", {}),
        ("forget", {"id": "nobody"}),
        ("follow", {"stream": "nobody", "offset": 0, "follower": 1}),
        ("exec", {"container": "nobody", "id": "e"}),
    ],
)
def test_bad_requests_are_answered(client: Client, op: str, fields: dict[str, object]) -> None:
    with pytest.raises(Answer) as refused:
        client.ask(op, **fields)
    assert refused.value.error["step"] == "keeper"
    assert client.ask("ping")


def test_same_id_twice_is_refused_and_running_is_not_forgotten(client: Client) -> None:
    client.start("a", ["/bin/sleep", "100"])
    with pytest.raises(Answer, match="started already"):
        client.start("a", ["/bin/true"])
    with pytest.raises(Answer, match="not exited"):
        client.ask("forget", id="a")
    with pytest.raises(Answer, match="running"):
        client.ask("shutdown")


def test_exec_is_listed_under_its_container_and_forgotten_with_it(client: Client) -> None:
    client.start("a", ["/bin/sleep", "100"])
    client.exec("a", "e", ["/bin/sh", "-c", "exit 3"])
    assert client.event("exit", id="e")["status"] == 3 << 8
    assert client.row("e")["container"] == "a"
    os.kill(client.row("a")["pid"], 9)
    client.finish("a")
    assert client.ask("list")["processes"] == []


def test_exec_into_a_dead_container_is_refused(client: Client) -> None:
    client.start("a", ["/bin/true"])
    client.wait_exit("a")
    with pytest.raises(Answer, match="not running"):
        client.exec("a", "e", ["/bin/true"])


def test_descriptors_are_handed_to_whoever_adopts(kept: Keeper, client: Client) -> None:
    client.start(
        "a",
        ["/bin/cat"],
        stdin=True,
    )
    other = kept.client()
    answer, fds = other.answer(other.send("adopt", stream="a"))
    assert sorted(fds) == ["pidfd", "stdin"]
    assert answer["pid"] == client.row("a")["pid"]
    os.write(fds["stdin"], b"hello")
    protocol.close_all(list(fds.values()))
    client.ask("close_stdin", stream="a")
    other.close()


def test_many_at_once(client: Client) -> None:
    numbers = range(40)
    sent = [
        client.send("start", **client._launch(f"c{n}", ["/bin/sh", "-c", f"exit {n}"]))
        for n in numbers
    ]
    for seq in sent:
        protocol.close_all(list(client.answer(seq)[1].values()))
    for n in numbers:
        assert client.event("exit", id=f"c{n}")["status"] == n << 8
