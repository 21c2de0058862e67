"""events: figures of a container, once or every so often, and when it runs out of memory."""

from __future__ import annotations

import sys
import time

from wherry import jsontext
from wherry.runtime.oci.container import STOPPED, load, the_only
from wherry.runtime.oci.flags import SWITCH, TEXT
from wherry.runtime.oci.refusal import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.runtime.oci.container import Container
    from wherry.runtime.oci.main import Context

ROWS = (
    ("interval", TEXT, "set the stats collection interval (default: 5s)"),
    ("stats", SWITCH, "display the container's stats then exit"),
)
ARGUMENTS = "<container-id>"
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
TICK = 0.1


def run(context: Context, options: dict[str, Any], words: list[str]) -> int:
    """One line of JSON per event: {"type": "stats" or "oom", "id", "data"}."""
    container = load(context.root, the_only(words, "events"))
    interval = seconds(options["interval"] or "5s")
    if container.status() == STOPPED:
        raise Refusal(f"container with id {container.id} is not running")
    _tell(container, "stats", figures(container))
    if not options["stats"]:
        _follow(container, interval)
    return 0


def _follow(container: Container, interval: float) -> None:
    """Until the container ends. The kernel's own counter is looked at often, it costs a read."""
    due, kills = time.monotonic() + interval, container.cgroup.oom_kills()
    while container.alive():
        time.sleep(min(TICK, interval))
        if not container.cgroup.exists():
            return
        if (now := container.cgroup.oom_kills()) > kills:
            kills = now
            _tell(container, "oom", None)
        if time.monotonic() >= due:
            due += interval
            _tell(container, "stats", figures(container))


def _tell(container: Container, kind: str, data: dict[str, Any] | None) -> None:
    event = {"type": kind, "id": container.id, **({"data": data} if data else {})}
    sys.stdout.write(jsontext.encode_ascii(event) + "\n")
    sys.stdout.flush()


def figures(container: Container) -> dict[str, Any]:
    """`Cgroup.stats` in the shape of runc's events: as it is, but for what runc does not have."""
    found = container.cgroup.stats()
    found["memory"] = {key: value for key, value in found["memory"].items() if key != "oomKills"}
    if found["pids"]["limit"] == 0:
        del found["pids"]["limit"]
    cpuset = found.pop("cpuset", {})
    return {**found, "hugetlb": {}, "intel_rdt": {}, "network_interfaces": None, "cpuset": cpuset}


def seconds(text: str) -> float:
    """Go's durations of one unit: "5s", "100ms"; Refusal for anything else, or not above 0."""
    number = text.rstrip("hms")
    unit = text[len(number) :]
    try:
        value = float(number) * UNITS[unit]
    except (KeyError, ValueError):
        raise Refusal(f'invalid value "{text}" for flag -interval: parse error') from None
    if value <= 0:
        raise Refusal("duration interval must be greater than 0")
    return value
