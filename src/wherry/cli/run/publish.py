"""`--publish` and `--expose`: into ExposedPorts and PortBindings."""

from __future__ import annotations

from wherry.cli.addresses import is_address
from wherry.cli.failures import Failure
from wherry.cli.flagvalues import unsigned
from wherry.cli.run.fields import split_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # container's port ("80/tcp") -> bindings on the host
    Bindings = dict[str, list[dict[str, str]]]

_PROTOCOLS = ("tcp", "udp", "sctp")


def parse_published(specs: list[str]) -> Bindings:
    """What the flags ask for: `[[ip:]host port:]port[/protocol]`, ranges, or the long form."""
    bindings: Bindings = {}
    for spec in specs:
        for port, binding in _published(_short_form(spec)):
            bindings.setdefault(port, []).append(binding)
    return bindings


def parse_exposed(specs: list[str]) -> dict[str, Any]:
    """ExposedPorts of --expose: `port[-port][/protocol]`."""
    exposed: dict[str, Any] = {}
    for spec in specs:
        if ":" in spec:
            raise Failure(f"invalid port format for --expose: {spec}")
        ports, _, protocol = spec.partition("/")
        try:
            first, last = _range(ports)
        except ValueError as error:
            raise Failure(f"invalid range format for --expose: {spec}, error: {error}") from None
        for port in range(first, last + 1):
            exposed[f"{port}/{(protocol or 'tcp').lower()}"] = {}
    return exposed


def _short_form(spec: str) -> str:
    """`published=8080,target=80,protocol=udp` as `8080:80/udp`."""
    if "=" not in spec:
        return spec
    values = {"target": "", "published": "", "protocol": "tcp", "mode": ""}
    for field in split_fields(spec):
        key, equals, value = field.partition("=")
        if not equals or not value or key not in values:
            raise Failure(f"invalid port format {spec}: invalid field {field}")
        values[key] = value
    published = f"{values['published']}:" if values["published"] else ""
    return f"{published}{values['target']}/{values['protocol']}"


def _published(spec: str) -> list[tuple[str, dict[str, str]]]:
    address, host, ports, protocol = _split(spec)
    if not ports:
        raise Failure(f"no port specified: {spec}<empty>")
    if address and not is_address(address):
        raise Failure(f"invalid IP address: {address}")
    if protocol not in _PROTOCOLS:
        raise Failure(f"invalid proto: {protocol}")
    first, last = _checked_range(ports, "containerPort")
    host_first, host_last = _checked_range(host, "hostPort") if host else (0, 0)
    # One container port may take any port of a range on the host; else the ranges go in pairs.
    any_of_range = first == last and host_first != host_last
    if host and not any_of_range and last - first != host_last - host_first:
        raise Failure(f"invalid ranges specified for container and host Ports: {ports} and {host}")
    rows = []
    for offset in range(last - first + 1):
        chosen = host if any_of_range else str(host_first + offset) if host else ""
        rows.append((f"{first + offset}/{protocol}", {"HostIp": address, "HostPort": chosen}))
    return rows


def _split(spec: str) -> tuple[str, str, str, str]:
    """Address, host's ports, container's ports, protocol."""
    rest, _, protocol = spec.partition("/")
    rest, _, ports = rest.rpartition(":")
    address, _, host = rest.rpartition(":")
    return address.strip("[]"), host, ports, (protocol or "tcp").lower()


def _checked_range(text: str, what: str) -> tuple[int, int]:
    try:
        return _range(text)
    except ValueError:
        raise Failure(f"invalid {what}: {text}") from None


def _range(text: str) -> tuple[int, int]:
    if not text:
        raise ValueError("empty string specified for ports")
    start, dash, end = text.partition("-")
    first = _port(start)
    last = _port(end) if dash else first
    if last < first:
        raise ValueError(f"invalid range specified for port: {text}")
    return first, last


def _port(text: str) -> int:
    number = unsigned(text)
    if number > 65535:
        raise ValueError(f'strconv.ParseUint: parsing "{text}": value out of range')
    return number
