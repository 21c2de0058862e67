"""Other firewalls on this host: do they drop what the host forwards?

Looks at the ruleset as `nft -j` lists it, which has firewalld, ufw and everything else that uses
nftables or iptables-nft in it, and at the policy that iptables-legacy tells.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wherry.kernel.nftables import script

_FAMILIES: Final = ("ip", "ip6", "inet")
_REFUSALS: Final = ("drop", "reject")
_SILENT: Final = ("counter", "log", "limit")
_LEGACY: Final = {"ip": "iptables-legacy", "ip6": "ip6tables-legacy"}
_LEGACY_TABLES: Final = {"ip": "/proc/net/ip_tables_names", "ip6": "/proc/net/ip6_tables_names"}
_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A chain at the forward hook that drops what nothing in it accepts.

    `remedy` is the command that lets our containers' packets through; `mark` see `ruleset`.
    """

    family: str
    table: str
    chain: str
    remedy: str

    def __str__(self) -> str:
        """Where it is."""
        return f"table {self.family} {self.table}, chain {self.chain}"


def obstacles(mark: str) -> list[Obstacle]:
    """The chains that drop forwarded packets. Blocks for some 10 ms; never fails."""
    return [*_in_listing(script.listing(), mark), *_legacy(mark)]


def _in_listing(listing: str, mark: str) -> list[Obstacle]:
    items = json.loads(listing).get("nftables", []) if listing else []
    rules: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for item in items:
        if rule := item.get("rule"):
            key = (rule["family"], rule["table"], rule["chain"])
            rules.setdefault(key, []).append(rule)
    found = []
    for item in items:
        chain = item.get("chain")
        if chain is None or chain.get("hook") != "forward" or chain["family"] not in _FAMILIES:
            continue
        key = (chain["family"], chain["table"], chain["name"])
        if key[1].partition("-")[0] != "wherry" and _drops(chain, rules.get(key, ())):
            found.append(Obstacle(*key, _remedy(*key, mark)))
    return found


def _drops(chain: Mapping[str, Any], rules: Sequence[Mapping[str, Any]]) -> bool:
    """By its policy, or by a last rule without any condition (firewalld's way)."""
    if chain.get("policy") == "drop":
        return True
    if not rules:
        return False
    parts = [part for part in rules[-1].get("expr", ()) if not part.keys() & set(_SILENT)]
    return len(parts) == 1 and bool(parts[0].keys() & set(_REFUSALS))


def _remedy(family: str, table: str, chain: str, mark: str) -> str:
    if (table, chain) == ("filter", "FORWARD") and family != "inet":
        return f"{'iptables' if family == 'ip' else 'ip6tables'} {_iptables(mark)}"
    return f"nft insert rule {family} {table} {chain} meta mark and {mark} == {mark} accept"


def _iptables(mark: str) -> str:
    return f"-I FORWARD -m mark --mark {mark}/{mark} -j ACCEPT"


def _legacy(mark: str) -> list[Obstacle]:
    return [
        Obstacle(family, "filter", "FORWARD", f"{program} {_iptables(mark)}")
        for family, program in _LEGACY.items()
        if "filter" in _read(_LEGACY_TABLES[family])
        and _output(program, "-S", "FORWARD").startswith("-P FORWARD DROP")
    ]


def _read(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().split()
    except OSError:
        return []


def _output(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
