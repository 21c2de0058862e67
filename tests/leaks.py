"""What an engine holds on to: mounts, cgroups, namespaces, processes, files, database records,
links and firewall elements.

`Holdings.of(engine)` takes stock; `grown_since` names what is there now and was not before. Tests
take stock around whatever must leave nothing behind.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, fields
from fnmatch import fnmatch
from pathlib import Path

from tests import processes
from tests.engines import Engine

SETTLE_SECONDS = 10.0
"""How long an engine may go on tidying after it has answered."""

COMES_AND_GOES = {
    "dockerd": (
        "data/tmp/*",
        "data/buildkit/*",
        "data/containerd/*",
        "data/image/*",
        "data/overlay2/*/committed",
        "exec/containerd/*",
        "exec/netns/*",  # collected once a minute, and the host's one stays mounted for good
        "exec/runtime-runc/*",
    ),
    "wherry": (
        "data/wherry.db-wal",
        "data/wherry.db-shm",
        "exec/containers/",
        "exec/bundles/",
        "exec/runtimes/",
        "exec/runtimes/runc/",
        "exec/runtimes/crun/",
        "exec/runtimes/runsc/",
    ),
}
"""Patterns of paths below an engine's root with nothing in particular behind them: what the
reference engine keeps or collects later, SQLite's own files, empty directories."""

KEPT_TABLES = {"image_manifests"}
"""Tables whose rows go with something else that stays: how an image that is still there was stored
when it was last loaded."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """Counts of things by name; what has the same name and is held twice counts two."""

    mounts: Counter[str]
    cgroups: Counter[str]
    namespaces: Counter[str]
    processes: Counter[str]
    files: Counter[str]
    records: Counter[str]
    links: Counter[str]
    firewall: Counter[str]

    @classmethod
    def of(cls, engine: Engine) -> Holdings:
        """Take stock of a running or ended engine."""
        members = processes.of(engine.root, engine.cgroup_parent)
        return cls(
            mounts=_mounts(engine, members),
            cgroups=Counter(processes.cgroups(engine.cgroup_parent)),
            # Namespaces and processes by number: ids mean nothing once a spare was used up.
            namespaces=Counter(
                {kind: len(processes.namespaces(members, kind)) for kind in ("net", "mnt", "pid")}
            ),
            processes=Counter(members.values()),
            files=Counter(_files(engine)),
            records=_records(engine.data_root / "wherry.db"),
            links=_links(engine),
            firewall=_firewall(engine),
        )

    def grown_since(self, before: Holdings) -> dict[str, Counter[str]]:
        """What is held now and was not before; empty when nothing leaked."""
        more = {f.name: getattr(self, f.name) - getattr(before, f.name) for f in fields(self)}
        return {name: counts for name, counts in more.items() if counts}


def _mounts(engine: Engine, members: dict[int, str]) -> Counter[str]:
    """Mounts below the engine's directory in this mount namespace and in the engine's own ones."""
    namespaces: dict[str, Path] = {}
    for pid in ["self", *map(str, members)]:
        try:
            identity = str(Path(f"/proc/{pid}/ns/mnt").readlink())
        except OSError:
            continue
        namespaces.setdefault(identity, Path(f"/proc/{pid}/mountinfo"))
    found: Counter[str] = Counter()
    for mountinfo in namespaces.values():
        try:
            lines = mountinfo.read_text().splitlines()
        except OSError:
            continue
        found.update(line.split()[4] for line in lines if str(engine.root) in line)
    return Counter({point: n for point, n in found.items() if not _comes_and_goes(engine, point)})


def _comes_and_goes(engine: Engine, path: str) -> bool:
    below = os.path.relpath(path, engine.root) + ("/" if path.endswith("/") else "")
    return any(fnmatch(below, pattern) for pattern in COMES_AND_GOES[engine.kind])


def _files(engine: Engine) -> list[str]:
    found = []
    for top in (engine.data_root, engine.exec_root):
        for directory, _, names in os.walk(top):
            found += [f"{directory}/", *(f"{directory}/{name}" for name in names)]
    return [path for path in found if not _comes_and_goes(engine, path)]


def _records(database: Path) -> Counter[str]:
    """Rows of each table of Wherry's database; nothing for an engine that has none."""
    if not database.exists():
        return Counter()
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
        names = [
            name for (name,) in tables if not name.startswith("sqlite_") and name not in KEPT_TABLES
        ]
        return Counter(
            {
                name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
                for name in names
            }
        )


def _links(engine: Engine) -> Counter[str]:
    """Bridges of the engine, and what is plugged into them; others' are none of its business."""
    if engine.kind != "wherry":
        return Counter()
    done = engine.in_network("ip", "-json", "-details", "link", "show")
    links = json.loads(done or "[]")
    mark = f"wherry:{_suffix(engine)}:"
    bridges = {link["ifname"] for link in links if link.get("ifalias", "").startswith(mark)}
    ports = [link["ifname"] for link in links if link.get("master") in bridges]
    return Counter([*bridges, *ports])


def _firewall(engine: Engine) -> Counter[str]:
    """The elements of the engine's firewall table, by set."""
    if engine.kind != "wherry" or shutil.which("nft") is None:
        return Counter()
    found: Counter[str] = Counter()
    done = engine.in_network("nft", "-json", "list", "table", "inet", f"wherry-{_suffix(engine)}")
    for row in json.loads(done or '{"nftables": []}')["nftables"]:
        for kind in ("set", "map"):
            for element in row.get(kind, {}).get("elem", ()):
                found[f"{row[kind]['name']} {element}"] += 1
    return found


def _suffix(engine: Engine) -> str:
    """What tells this engine's links and tables from others' (`firewall.suffix_of`)."""
    return hashlib.sha256(str(engine.data_root).encode()).hexdigest()[:8]


def assert_nothing_left(engine: Engine, before: Holdings) -> None:
    """Fail unless the engine comes back to what it held before, within `SETTLE_SECONDS`."""
    limit = time.monotonic() + SETTLE_SECONDS
    while left := Holdings.of(engine).grown_since(before):
        if time.monotonic() > limit:
            raise AssertionError(f"{engine.kind} left behind: {left}")
        time.sleep(0.05)
