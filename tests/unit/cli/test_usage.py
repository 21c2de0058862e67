"""Figures of `wherry stats` from samples."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.cli.usage import cpu_percent, figures, working_set


def sample(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "id": "a" * 64,
        "name": "/web",
        "cpu_stats": {
            "cpu_usage": {"total_usage": 0},
            "online_cpus": 2,
        },
        "memory_stats": {},
        "pids_stats": {},
        "blkio_stats": {"io_service_bytes_recursive": None},
    }
    return {**whole, **changes}


def used(nanoseconds: int) -> dict[str, Any]:
    return {"cpu_usage": {"total_usage": nanoseconds}, "online_cpus": 2}


def test_a_busy_thread_is_100_percent_whatever_the_number_of_processors() -> None:
    now = (sample(cpu_stats=used(1_000_000_000)), 3_000_000_000)
    assert cpu_percent(now, (sample(), 2_000_000_000)) == pytest.approx(100.0)


def test_no_rate_without_a_sample_before_or_after_a_restart() -> None:
    assert cpu_percent((sample(cpu_stats=used(5)), 10), None) == 0
    assert cpu_percent((sample(cpu_stats=used(1)), 10), (sample(cpu_stats=used(5)), 5)) == 0
    assert cpu_percent((sample(cpu_stats=used(5)), 5), (sample(cpu_stats=used(1)), 5)) == 0


@pytest.mark.parametrize(
    ("stats", "left"),
    [
        ({}, 100),
        ({"total_inactive_file": 30, "inactive_file": 20}, 70),
        ({"inactive_file": 20}, 80),
        ({"inactive_file": 100}, 100),
    ],
)
def test_cache_that_can_be_had_back_is_not_in_use(stats: dict[str, int], left: int) -> None:
    assert working_set({"usage": 100, "stats": stats}) == left


def test_texts() -> None:
    entries = [
        {"major": 8, "minor": 0, "op": "Read", "value": 1000},
        {"major": 8, "minor": 16, "op": "read", "value": 500},
        {"major": 8, "minor": 0, "op": "write", "value": 4096},
        {"major": 8, "minor": 0, "op": "Total", "value": 9999},
    ]
    now = sample(
        cpu_stats=used(15),
        memory_stats={"usage": 32 << 20, "limit": 64 << 20},
        networks={
            "eth0": {"rx_bytes": 1000, "tx_bytes": 1},
            "eth1": {"rx_bytes": 500, "tx_bytes": 1},
        },
        blkio_stats={"io_service_bytes_recursive": entries},
        pids_stats={"current": 7},
    )
    assert figures("web", (now, 150), (sample(), 100)) == {
        "Container": "web",
        "Name": "web",
        "ID": "a" * 64,
        "CPUPerc": "30.00%",
        "MemUsage": "32MiB / 64MiB",
        "MemPerc": "50.00%",
        "NetIO": "1.5kB / 2B",
        "BlockIO": "1.5kB / 4.1kB",
        "PIDs": 7,
    }


def test_a_stopped_container_has_zeros() -> None:
    row = figures("web", (sample(cpu_stats={"cpu_usage": {"total_usage": 0}}), 0), None)
    assert (row["CPUPerc"], row["MemUsage"], row["MemPerc"]) == ("0.00%", "0B / 0B", "0.00%")
    assert (row["NetIO"], row["BlockIO"], row["PIDs"]) == ("0B / 0B", "0B / 0B", 0)
