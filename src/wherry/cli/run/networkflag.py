"""`--network NAME` and its long form `name=NAME,alias=X,ip=A,driver-opt=K=V`."""

from __future__ import annotations

from wherry.cli.addresses import is_address, is_hardware_address
from wherry.cli.failures import Failure
from wherry.cli.run.fields import split_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wherry.cli.flags import Options

_BUILT_IN = ("default", "bridge", "host", "none", "nat")


def check_network(text: str) -> str:
    """The flag's check."""
    _attachment(text)
    return text


def _attachment(text: str) -> tuple[str, dict[str, Any]]:
    """The network's name and the API's EndpointSettings, as far as the flag gives them."""
    if "=" not in text:
        return text, {}
    name = ""
    endpoint: dict[str, Any] = {}
    for field in split_fields(text):
        key, equals, value = field.strip().partition("=")
        if not equals or not value:
            raise ValueError(f"invalid field {field}")
        key = key.lower()
        if key == "name":
            name = value
        else:
            _set(endpoint, key, value, field)
    if not name:
        raise ValueError("network name/id is not specified")
    return name, endpoint


def _set(endpoint: dict[str, Any], key: str, value: str, field: str) -> None:
    if key == "alias":
        endpoint.setdefault("Aliases", []).append(value.lower())
    elif key == "driver-opt":
        name, _, text = value.partition("=")
        endpoint.setdefault("DriverOpts", {})[name.lower()] = text
    elif key == "mac-address":
        endpoint["MacAddress"] = value
    elif key == "gw-priority":
        endpoint["GwPriority"] = int(value)
    elif key in ("ip", "ip6"):
        family = "IPv4Address" if key == "ip" else "IPv6Address"
        endpoint.setdefault("IPAMConfig", {})[family] = value
    elif key == "link-local-ip":
        endpoint.setdefault("IPAMConfig", {}).setdefault("LinkLocalIPs", []).append(value)
    else:
        raise ValueError(f"invalid field key {key}")


def network_mode(options: Options) -> str:
    """HostConfig.NetworkMode: the first network, or Docker's word for none given."""
    names = [_attachment(text)[0] for text in options.list("network")]
    return names[0] if names else "default"


def endpoints(options: Options) -> dict[str, Any]:
    """NetworkingConfig.EndpointsConfig. Raises `Failure` for settings that do not fit."""
    given = [_attachment(text) for text in options.list("network")] or [("default", {})]
    found: dict[str, Any] = {}
    for position, (name, endpoint) in enumerate(given):
        if name in found:
            raise Failure(f'network "{name}" is specified multiple times')
        if position == 0:
            _add_plain_flags(name, endpoint, options)
        _check(name, endpoint, len(given))
        found[name] = endpoint
    return found


def _add_plain_flags(name: str, endpoint: dict[str, Any], options: Options) -> None:
    """Flags such as --ip, which are about the first network."""
    if options.list("network-alias"):
        endpoint.setdefault("Aliases", []).extend(options.list("network-alias"))
    if options.list("link") and name not in _BUILT_IN:
        endpoint["Links"] = options.list("link")
    for flag, key in (("ip", "IPv4Address"), ("ip6", "IPv6Address")):
        if options.text(flag):
            endpoint.setdefault("IPAMConfig", {})[key] = options.text(flag)
    if options.list("link-local-ip"):
        endpoint.setdefault("IPAMConfig", {})["LinkLocalIPs"] = options.list("link-local-ip")
    if options.text("mac-address"):
        if not is_hardware_address(options.text("mac-address")):
            raise Failure(f"{options.text('mac-address')} is not a valid mac address")
        endpoint["MacAddress"] = options.text("mac-address")


def _check(name: str, endpoint: dict[str, Any], count: int) -> None:
    user_defined = name not in _BUILT_IN and not name.startswith("container:")
    if count > 1 and not user_defined and name not in ("bridge", "default"):
        raise Failure(
            "conflicting options: cannot attach both user-defined and "
            "non-user-defined network-modes"
        )
    if endpoint.get("Aliases") and not user_defined:
        raise Failure("network-scoped aliases are only supported for user-defined networks")
    for key, value in endpoint.get("IPAMConfig", {}).items():
        for text in value if isinstance(value, list) else [value]:
            if not is_address(text):
                raise Failure(f"invalid {key}: {text}")
