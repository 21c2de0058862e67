"""Published ports as `wherry ps` shows them: `0.0.0.0:8080-8081->80-81/tcp, 443/tcp`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    # (address, protocol, private port, public port or 0)
    Entry = tuple[str, str, int, int]


def port_list(ports: Iterable[Any]) -> str:
    """The API's list of ports, neighbours with the same address and protocol joined to ranges."""
    entries = sorted(
        {
            (
                str(port.get("IP") or ""),
                str(port["Type"]),
                int(port["PrivatePort"]),
                int(port.get("PublicPort") or 0),
            )
            for port in ports
        },
        key=_order,
    )
    return ", ".join(_show(first, last) for first, last in _ranges(entries))


def _order(entry: Entry) -> tuple[bool, int, str, int, str]:
    address, protocol, private, public = entry
    return (bool(address), private, address, public, protocol)


def _ranges(entries: list[Entry]) -> list[tuple[Entry, Entry]]:
    open_ranges: dict[tuple[str, str], list[tuple[Entry, Entry]]] = {}
    singles: list[tuple[Entry, Entry]] = []
    for entry in entries:
        if entry[3] and entry[2] != entry[3]:
            singles.append((entry, entry))
            continue
        ranges = open_ranges.setdefault((entry[0], entry[1]), [])
        if ranges and _follows(ranges[-1][1], entry):
            ranges[-1] = (ranges[-1][0], entry)
        else:
            ranges.append((entry, entry))
    return singles + [pair for ranges in open_ranges.values() for pair in ranges]


def _follows(before: Entry, after: Entry) -> bool:
    return before[2] + 1 == after[2] and bool(before[3]) == bool(after[3])


def _show(first: Entry, last: Entry) -> str:
    address, protocol, private, public = first
    target = f"{_span(private, last[2])}/{protocol}"
    if not address:
        return target
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{_span(public, last[3])}->{target}"


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
