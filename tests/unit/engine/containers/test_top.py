"""ps without ps."""

from __future__ import annotations

import os

import pytest

from wherry.engine.containers.processes import tty_name
from wherry.engine.containers.top import parse_ps, top
from wherry.errors import Invalid


async def test_full_listing_of_ourselves() -> None:
    found = await top([os.getpid()], "")
    assert found.titles == ("UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD")
    assert found.rows[0][1:3] == (str(os.getpid()), str(os.getppid()))


async def test_user_format() -> None:
    found = await top([os.getpid()], "aux")
    assert found.titles[:4] == ("USER", "PID", "%CPU", "%MEM")


async def test_chosen_columns_with_titles() -> None:
    found = await top([os.getpid()], "-eo pid,comm=NAME")
    assert found.titles == ("PID", "NAME")
    assert found.rows[0][0] == str(os.getpid())


async def test_pid_is_needed() -> None:
    with pytest.raises(Invalid, match="Couldn't find PID field"):
        await top([os.getpid()], "-o comm")


async def test_a_process_that_is_gone_is_left_out() -> None:
    assert (await top([2**22 - 1], "-ef")).rows == ()


def test_output_of_a_real_ps() -> None:
    found = parse_ps("  PID CMD\n   12 sh -c x y\n   13 z\n", frozenset({12}))
    assert found.rows == (("12", "sh -c x y"),)


def test_terminals() -> None:
    assert tty_name(os.makedev(136, 3)) == "pts/3"
    assert tty_name(os.makedev(4, 1)) == "tty1"
    assert tty_name(0) == "?"
