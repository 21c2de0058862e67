"""The database: migrations, its two promises, what a crash and a newer file do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from wherry.errors import Internal, Unsupported
from wherry.storage.database import Database

STEPS = ("CREATE TABLE things (name TEXT PRIMARY KEY)",)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "wherry.db")
    opened.migrate("things", STEPS)
    yield opened
    opened.close()


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return [row["name"] for row in connection.execute("SELECT name FROM things ORDER BY name")]


def test_both_promises_write_and_a_failing_block_writes_nothing(database: Database) -> None:
    for block in (database.durable, database.run_state):
        with block() as transaction:
            transaction.execute("INSERT INTO things VALUES (?)", (block.__name__,))
        with pytest.raises(ZeroDivisionError), block() as transaction:
            transaction.execute("INSERT INTO things VALUES ('lost')")
            raise ZeroDivisionError
    assert names(database) == ["durable", "run_state"]


def test_readers_see_the_committed_state_only(database: Database) -> None:
    with database.durable() as transaction:
        transaction.execute("INSERT INTO things VALUES ('new')")
        assert names(database) == []
    assert names(database) == ["new"]


def test_blocks_do_not_nest(database: Database) -> None:
    with database.durable(), pytest.raises(RuntimeError), database.run_state():
        pass


def test_threads_take_turns(database: Database) -> None:
    def insert(number: int) -> None:
        for index in range(20):
            with database.run_state() as transaction:
                transaction.execute("INSERT INTO things VALUES (?)", (f"{number}-{index}",))

    threads = [threading.Thread(target=insert, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(database)) == 80


def test_steps_are_applied_once_each_and_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "wherry.db"
    database = Database(path)
    database.migrate("things", STEPS)
    more = (
        *STEPS,
        "ALTER TABLE things ADD COLUMN size INTEGER; INSERT INTO things VALUES ('a', 1)",
    )
    with pytest.raises(Internal, match="version 3"):
        database.migrate("things", (*more, "CREATE TABLE half (x); SELECT * FROM nowhere"))
    database.close()

    database = Database(path)
    database.migrate("things", more)
    with database.read() as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert names(database) == ["a"]
    assert "half" not in tables
    database.close()


def test_a_newer_file_is_refused(database: Database) -> None:
    with pytest.raises(Unsupported, match="newer"):
        database.migrate("things", ())


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wherry.db"
    path.write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(Internal, match=str(path)):
        Database(path)


CRASH = """
import os, sys
from wherry.storage.database import Database
database = Database(sys.argv[1])
with database.run_state() as transaction:
    transaction.execute("INSERT INTO things VALUES ('kept')")
with database.durable() as transaction:
    transaction.execute("INSERT INTO things VALUES ('lost')")
    os.kill(os.getpid(), 9)
"""


def test_what_was_committed_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "wherry.db"
    database = Database(path)
    database.migrate("things", STEPS)
    database.close()
    done = subprocess.run([sys.executable, "-c", CRASH, os.fspath(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    database = Database(path)
    assert names(database) == ["kept"]
    database.close()
