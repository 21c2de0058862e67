"""What a wall costs at every start: the same container with and without it, in turns.

The figure is the median of the differences within a round, start to exit status over the API, so
that a noisy neighbour weighs on both.
"""

from __future__ import annotations

import io
import itertools
import statistics
import tarfile
from collections.abc import Mapping

from benchmarks.budgets import Budget, Row
from benchmarks.contestants import Contestants
from benchmarks.measure import Result, Turn, rounds
from benchmarks.rows.api import Life
from benchmarks.rows.clients import remove_all

LARGE, FILES = "benchmark/large", 4096

Host = Mapping[str, object]

BRIDGE: Host = {"NetworkMode": "bridge"}
SECURITY = "SecurityOpt"
RULES = "landlock=ro:/bin,rw:/tmp,ro:/proc,ro:/etc,connect:443"
WALLS: tuple[tuple[str, Host, Host, tuple[Budget, ...]], ...] = (
    ("seccomp", {SECURITY: ["seccomp=unconfined"]}, {}, (Budget(1),)),
    ("user namespace", {}, {"UsernsMode": "auto"}, (Budget(2),)),
    ("user namespace on a bridge", BRIDGE, {**BRIDGE, "UsernsMode": "auto"}, (Budget(2),)),
    ("landlock, four paths and a port", {}, {SECURITY: [RULES]}, ()),
)
"""Name, host configuration without and with it, budget in milliseconds."""


def costs(contestants: Contestants, count: int) -> list[Row]:
    """A row for each wall, and the first start of a large image under a new id map."""
    walls = [_cost(contestants, 4 * count, *wall) for wall in WALLS]
    return [*walls, _first_start(contestants, count)]


def _first_start(contestants: Contestants, count: int) -> Row:
    """Each round has ids that no container had, and so a map that no layer was mounted with."""
    engine, account = contestants.engines["wherry"], contestants.accounts["wherry"]
    engine.output("import", "-", LARGE, stdin=_gigabyte())
    numbers = itertools.count(1)

    def start() -> None:
        mode = f"0:{next(numbers) * 65_536 + 2_000_000_000}:65536"
        body = {"Image": LARGE, "Cmd": ["/busybox", "true"], "HostConfig": {"UsernsMode": mode}}
        answer = api.request("POST", "/containers/create", body)
        assert answer.status == 201, answer
        path = f"/containers/{answer.json()['Id']}"
        assert api.request("POST", f"{path}/start").status == 204
        assert api.request("POST", f"{path}/wait").json()["StatusCode"] == 0

    api = engine.connect()
    try:
        results = rounds({"wherry": Turn(account, start)}, count)
    finally:
        remove_all(engine)
        engine.output("rmi", LARGE)
    title = f"create to exit status of an image of 1 GB in {FILES:,} files under new ids"
    return Row(title, results, (Budget(300),))


def _gigabyte() -> bytes:
    """An archive of files of 256 KiB and one program."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add("/bin/busybox", "busybox")
        for number in range(FILES):
            member = tarfile.TarInfo(f"d{number % 64}/{number}")
            member.size = 256 << 10
            member.uid = member.gid = number % 1000
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    return buffer.getvalue()


def _cost(
    contestants: Contestants,
    count: int,
    name: str,
    without: Host,
    within: Host,
    budgets: tuple[Budget, ...],
) -> Row:
    engine, account = contestants.engines["wherry"], contestants.accounts["wherry"]
    turns = {}
    for kind, host in (("without", without), ("with", within)):
        life = Life(engine.connect(), host=host)
        turns[kind] = Turn(account, life.start_to_end, life.renew)
    results = rounds(turns, count)
    pairs = zip(results["with"].samples, results["without"].samples, strict=True)
    cost = statistics.median(a.wall - b.wall for a, b in pairs)
    title = f"{name}: what it adds from start to exit status"
    note = f"without it {results['without'].median:.2f} ms"
    return Row(title, {"wherry": Result.amount(cost, "ms")}, budgets, note)
