"""`wherry stats`: what containers take of processor, memory, network and disks."""

from __future__ import annotations

import time

from wherry.cli.columns import Column, Listing
from wherry.cli.command import ANY, Command
from wherry.cli.each import container_path
from wherry.cli.failures import ApiFailure
from wherry.cli.flags import Flag
from wherry.cli.formatflag import TABLE_FORMAT
from wherry.cli.listing import print_listing
from wherry.cli.output import STDOUT, is_terminal, write_text
from wherry.cli.units import short_id
from wherry.cli.usage import figures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.context import Context
    from wherry.cli.flags import Options
    from wherry.cli.usage import Sample

FLAGS = (
    Flag("all", "a", "bool", "Show stopped containers too"),
    TABLE_FORMAT,
    Flag("no-stream", "", "bool", "Show one set of figures and end"),
    Flag("no-trunc", "", "bool", "Show ids in full"),
)

_SECONDS = 1.0  # between two samples, from which rates are taken
_FIRST_SECONDS = 0.2
"""The same before the first figures: processor time is counted in nanoseconds, which lets a fifth
of a second be enough."""
_NOT_FOUND = 404
_CLEAR, _HOME_AND_CLEAR = "\033[2J\033[H", "\033[H\033[J"
_SHOWN = ("ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs")


def run(context: Context, options: Options, arguments: list[str]) -> int:
    """Show the figures once, or every second until the named containers are gone."""
    meter = Meter(context, arguments, everything=options.on("all"))
    listing, layout = _listing(full=options.on("no-trunc")), options.text("format")
    clear = _CLEAR if is_terminal(STDOUT) and not options.on("no-stream") else ""
    began = time.monotonic()
    meter.read()
    if meter.busy:
        # Each container's time runs from its own sample: what the others' took counts, too.
        time.sleep(max(0.0, began + _FIRST_SECONDS - time.monotonic()))
    while True:
        rows = meter.read()
        if clear:
            write_text(STDOUT, clear)
            clear = _HOME_AND_CLEAR
        print_listing(listing, rows, layout)
        if options.on("no-stream") or (arguments and not rows):
            return 0
        time.sleep(_SECONDS)


class Meter:
    """Takes samples of the named containers, or of all that run, and remembers the last ones.

    One sample costs the daemon one reading and no waiting: the rates are worked out here.
    `busy` tells whether a container of the last round ran.
    """

    __slots__ = ("_before", "_context", "_everything", "_names", "_seen", "busy")

    def __init__(self, context: Context, names: list[str], *, everything: bool) -> None:
        self._context = context
        self._names = names
        self._everything = everything
        self._before: dict[str, Sample] = {}
        self._seen: set[str] = set()
        self.busy = False

    def read(self) -> list[dict[str, Any]]:
        """Figures of each container that is there. ApiFailure for a name that never was."""
        samples = {}
        for name in self._names or self._present():
            sample = self._sample(name)
            if sample is not None:
                samples[name] = (sample, time.monotonic_ns())
        rows = [figures(name, now, self._before.get(name)) for name, now in samples.items()]
        self.busy = any(now["cpu_stats"].get("online_cpus") for now, _ in samples.values())
        self._before = samples
        self._seen.update(samples)
        return rows

    def _present(self) -> list[str]:
        listed = self._context.api.get("/containers/json", {"all": self._everything})
        return [short_id(each["Id"]) for each in listed]

    def _sample(self, name: str) -> Any:
        """None for a container that was removed meanwhile."""
        query = {"stream": "0", "one-shot": "1"}
        try:
            return self._context.api.get(container_path(name, "stats"), query)
        except ApiFailure as failure:
            if failure.code != _NOT_FOUND or (name in self._names and name not in self._seen):
                raise
            return None


def _listing(*, full: bool) -> Listing:
    return Listing(
        "*container.statsContext",
        (
            Column("Container", "CONTAINER", lambda row: str(row["Container"])),
            Column("Name", "NAME", lambda row: str(row["Name"])),
            Column("ID", "CONTAINER ID", lambda row: row["ID"] if full else short_id(row["ID"])),
            Column("CPUPerc", "CPU %", lambda row: str(row["CPUPerc"])),
            Column("MemUsage", "MEM USAGE / LIMIT", lambda row: str(row["MemUsage"])),
            Column("MemPerc", "MEM %", lambda row: str(row["MemPerc"])),
            Column("NetIO", "NET I/O", lambda row: str(row["NetIO"])),
            Column("BlockIO", "BLOCK I/O", lambda row: str(row["BlockIO"])),
            Column("PIDs", "PIDS", lambda row: str(row["PIDs"])),
        ),
        _SHOWN,
    )


COMMAND = Command(
    "Show what containers take of the machine, as it changes",
    run,
    flags=FLAGS,
    arguments="[CONTAINER...]",
    most=ANY,
    complete="running",
)
