"""Whoever dies, no byte of output and no exit status is lost."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.root.keeper.harness import Answer, Client, Keeper, eventually
from tests.root.keeper.test_streams import log_to, read_all
from wherry.runtime import protocol


def kill_launcher(client: Client) -> int:
    """Kill it and wait until there is another; the pid of the killed one."""
    old = int(client.ask("ping")["launcher"])
    os.kill(old, signal.SIGKILL)
    eventually(lambda: client.ask("ping")["launcher"] not in (0, old))
    return old


def test_launcher_is_replaced_and_nothing_else_notices(client: Client, tmp_path: Path) -> None:
    script = "for n in 1 2 3 4 5 6; do echo $n; sleep 0.1; done; exit 5"
    client.start("a", ["/bin/sh", "-c", script], log=log_to(tmp_path / "log"))
    for _ in range(2):
        kill_launcher(client)
    client.start("b", ["/bin/true"])
    assert client.wait_exit("b")["status"] == 0
    row = client.wait_exit("a")
    assert row["status"] == 5 << 8
    assert read_all(row["directory"])[1] == b"1\n2\n3\n4\n5\n6\n"


def test_only_the_launches_in_flight_fail(kept: Keeper, client: Client) -> None:
    failing = client.send(
        "start", **client._launch("a", ["/bin/sleep", "100"], plan={"wait": 2, "die": 9})
    )
    with pytest.raises(Answer, match="launcher ended") as failed:
        client.answer(failing)
    assert failed.value.error["step"] == "launcher"
    client.start("b", ["/bin/true"])
    client.finish("b")
    assert client.ask("list")["processes"] == []
    # The child that had been made without being told of is gone: only the launcher is left.
    children = Path(f"/proc/{kept.process.pid}/task/{kept.process.pid}/children")
    launcher = str(client.ask("ping")["launcher"])
    eventually(lambda: children.read_text().split() == [launcher])


def test_launches_behind_the_fatal_one_are_answered(client: Client) -> None:
    sent = [client.send("start", **client._launch("bad", ["/bin/true"], plan={"die": 9}))]
    sent += [client.send("start", **client._launch(f"c{n}", ["/bin/true"])) for n in range(5)]
    outcomes = []
    for seq in sent:
        try:
            client.answer(seq)
            outcomes.append("started")
        except Answer as error:
            outcomes.append(error.error["step"])
    assert outcomes[0] == "launcher"
    assert set(outcomes) <= {"started", "launcher"}
    client.start("after", ["/bin/true"])
    client.wait_exit("after")


def test_a_launcher_that_cannot_live_is_reported(client: Client) -> None:
    for n in range(5):
        with pytest.raises(Answer, match="launcher"):
            client.start(f"c{n}", ["/bin/true"], plan={"die": 9})
    client.start("good", ["/bin/true"])
    client.wait_exit("good")


def test_exit_while_nobody_is_connected(kept: Keeper, tmp_path: Path) -> None:
    first = kept.client()
    script = "seq 100000; sleep 0.2; echo end; exit 9"
    first.start("a", ["/bin/sh", "-c", script], log=log_to(tmp_path / "log"), follower=1)
    first.start("b", ["/bin/sleep", "100"])
    first.exec("b", "e", ["/bin/sh", "-c", "exit 6"], follower=2)
    first.close()
    record = kept.root / "containers/a/exit"
    eventually(record.exists)
    second = kept.client()
    row = second.wait_exit("a")
    assert json.loads(record.read_text())["status"] == row["status"] == 9 << 8
    output = read_all(row["directory"])[1]
    assert output == b"".join(b"%d\n" % n for n in range(1, 100_001)) + b"end\n"
    assert second.wait_exit("e")["status"] == 6 << 8
    second.close()


def test_orphans_of_containers_are_reaped(kept: Keeper, client: Client) -> None:
    script = "(sleep 0.3 & exec sleep 0.1) & exit 0"
    client.start("a", ["/bin/sh", "-c", script])
    client.wait_exit("a")
    children = Path(f"/proc/{kept.process.pid}/task/{kept.process.pid}/children")
    eventually(lambda: len(children.read_text().split()) == 1)


def test_sigterm_waits_for_the_containers(kept: Keeper) -> None:
    client = kept.client()
    _, fds = client.start("a", ["/bin/sleep", "100"])
    os.kill(kept.process.pid, signal.SIGTERM)
    os.kill(kept.process.pid, signal.SIGHUP)
    time.sleep(0.2)
    assert client.row("a")["status"] is None
    signal.pidfd_send_signal(fds["pidfd"], signal.SIGKILL)
    protocol.close_all(list(fds.values()))
    client.finish("a")
    client.close()
    assert kept.process.wait(10) == 0


def test_sigterm_does_not_wait_for_a_client_that_never_comes(kept: Keeper) -> None:
    client = kept.client()
    client.start("a", ["/bin/sh", "-c", "exit 4"])
    client.wait_exit("a")
    client.close()
    os.kill(kept.process.pid, signal.SIGTERM)
    assert kept.process.wait(10) == 0
    record = kept.root / "containers/a/exit"
    assert json.loads(record.read_text())["status"] == 4 << 8
