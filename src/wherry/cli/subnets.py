"""--subnet, --ip-range, --gateway and --aux-address brought together, as docker does it."""

from __future__ import annotations

import ipaddress

from wherry.cli.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Row = dict[str, Any]
    Block = ipaddress.IPv4Network | ipaddress.IPv6Network


def subnet_rows(
    subnets: list[str], ranges: list[str], gateways: list[str], aux: list[str]
) -> list[Row]:
    """The API's IPAMConfig rows. Raises `Failure` for what belongs to no subnet."""
    if len(subnets) < len(ranges) or len(subnets) < len(gateways):
        raise Failure("every ip-range or gateway must have a corresponding subnet")
    rows: list[Row] = []
    for text in subnets:
        if any(_overlap(text, row["Subnet"]) for row in rows):
            raise Failure("multiple overlapping subnet configuration is not supported")
        rows.append({"Subnet": text})
    for text in ranges:
        _put(rows, "IPRange", text, "range", "on")
    for text in gateways:
        _put(rows, "Gateway", text, "gateway", "for")
    for pair in aux:
        name, _, address = pair.partition("=")
        row = _row_of(rows, address, f"no matching subnet for aux-address {address}")
        row.setdefault("AuxiliaryAddresses", {})[name] = address
    return rows


def _put(rows: list[Row], key: str, text: str, what: str, preposition: str) -> None:
    row = _row_of(rows, text, f"no matching subnet for {what} {text}")
    if key in row:
        raise Failure(
            f"cannot configure multiple {what}s ({text}, {row[key]}) {preposition} the same subnet "
            f"({row['Subnet']})"
        )
    row[key] = text


def _row_of(rows: list[Row], text: str, missing: str) -> Row:
    for row in rows:
        if _contains(row["Subnet"], text):
            return row
    raise Failure(missing)


def _contains(subnet: str, text: str) -> bool:
    block, other = _block(subnet), _block(text)
    return (
        block is not None
        and other is not None
        and block.version == other.version
        and other.network_address in block
    )


def _overlap(one: str, other: str) -> bool:
    return _contains(one, other) or _contains(other, one)


def _block(text: str) -> Block | None:
    """A subnet, or an address as a subnet of one; None for neither (the daemon then says why)."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
