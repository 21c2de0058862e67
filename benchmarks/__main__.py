"""python -m benchmarks [--rounds N] [--only WORD,...]: measure and print the table.

Needs root. Everything runs in a mount namespace of its own, in which the empty cgroup v2 tree of a
hybrid machine is hidden: crun refuses to start beside it, and what fails quickly looks fast.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import table
from benchmarks.budgets import Row
from benchmarks.contestants import Contestants
from benchmarks.rows import (
    api,
    clients,
    copies,
    isolation,
    keeper,
    memory,
    networks,
    ports,
    registry,
    statistics,
    transfers,
    unpack,
)

ROWS = {
    "memory": memory.idle,
    "container-memory": memory.further_container,
    "run": clients.run_true,
    "life": api.whole_life,
    "start": api.start_alone,
    "keeper": keeper.start_alone,
    "isolation": isolation.costs,
    "exec-cli": clients.exec_true,
    "exec-api": api.exec_true,
    "parallel": clients.twenty_at_once,
    "detached": clients.ten_detached,
    "networks": networks.all_rows,
    "ports": ports.rule_update,
    "copies": copies.both_ways,
    "stats": statistics.hundred,
    "unpack": unpack.gzip_layer,
    "registry": registry.blobs,
    "transfers": transfers.image,
    "ps": clients.listing,  # last: it leaves 1,000 containers
}
MARK = "WHERRY_BENCH_NAMESPACE"


def main() -> None:
    """Entry point."""
    arguments = _arguments()
    if os.geteuid() != 0:
        sys.exit("benchmarks: root is needed to run engines")
    if MARK not in os.environ:
        _enter_own_namespace()
    _hide_unified()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    print(table.machine(), table.versions(), sep="\n", end="\n\n")
    directory = Path(tempfile.mkdtemp(prefix="wb-", dir="/tmp"))
    contestants = Contestants(directory)
    try:
        contestants.start()
        rows = _measure(contestants, arguments)
    finally:
        contestants.stop()
        shutil.rmtree(directory, ignore_errors=True)
    print(f"\n{table.summary(rows)}; load now {os.getloadavg()[0]:.1f}")
    for name, reason in contestants.missing.items():
        print(f"missing: {name}: {reason}")


def _measure(contestants: Contestants, arguments: argparse.Namespace) -> list[Row]:
    rows = []
    for name, measure in ROWS.items():
        if arguments.only and name not in arguments.only.split(","):
            continue
        try:
            found = measure(contestants, arguments.rounds)
        except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            contestants.missing[f"row {name}"] = str(error)[:600]
            continue
        for one in found:
            print(table.row(one), end="\n\n")
        rows += found
    return rows


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rounds", type=int, default=30, help="samples of each quick row")
    parser.add_argument("--only", help=f"rows, with commas: {', '.join(ROWS)}")
    return parser.parse_args()


def _enter_own_namespace() -> None:
    os.environ[MARK] = "1"
    command = ["unshare", "--mount", "--propagation=private", sys.executable, "-m", "benchmarks"]
    os.execvp(command[0], [*command, *sys.argv[1:]])


def _hide_unified() -> None:
    unified = Path("/sys/fs/cgroup/unified")
    if unified.is_mount():
        subprocess.run(["umount", unified], check=True)


if __name__ == "__main__":
    main()
