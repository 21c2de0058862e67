"""Driver options of a network: what they may be, and what they mean.

Unknown options are kept and shown and have no effect, as with Docker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wherry.engine.networks.addresses import address
from wherry.engine.networks.values import (
    BRIDGE_NAME,
    GATEWAY_MODE_V4,
    GATEWAY_MODE_V6,
    HOST_BINDING,
    ICC,
    MASQUERADE,
    MTU,
)
from wherry.errors import Invalid

LONGEST_LINK_NAME: Final = 15
_TRUE: Final = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE: Final = frozenset(("0", "f", "F", "false", "FALSE", "False"))
_GATEWAY_MODES: Final = ("nat", "nat-unprotected", "routed", "isolated")
_MTU_RANGE: Final = (68, 65535)


@dataclass(frozen=True, slots=True)
class Meaning:
    """The options that the engine acts on. `mtu` 0 means the host's."""

    bridge: str = ""
    mtu: int = 0
    icc: bool = True
    masquerade_v4: bool = True
    masquerade_v6: bool = True
    host_binding: str = ""


def read(options: Mapping[str, str]) -> Meaning:
    """What the options mean. Raises Invalid that names option and value."""
    masquerade = _flag(options, MASQUERADE, default=True)
    return Meaning(
        bridge=_link_name(options.get(BRIDGE_NAME, "")),
        mtu=_mtu(options.get(MTU, "")),
        icc=_flag(options, ICC, default=True),
        masquerade_v4=masquerade and _gateway_mode(options, GATEWAY_MODE_V4).startswith("nat"),
        masquerade_v6=masquerade and _gateway_mode(options, GATEWAY_MODE_V6).startswith("nat"),
        host_binding=_binding(options.get(HOST_BINDING, "")),
    )


def _flag(options: Mapping[str, str], key: str, *, default: bool) -> bool:
    text = options.get(key, "")
    if not text:
        return default
    if text not in _TRUE | _FALSE:
        raise Invalid(f"failed to parse {key} value: {text}", hint="write true or false")
    return text in _TRUE


def _mtu(text: str) -> int:
    if not text:
        return 0
    if not text.lstrip("-").isdigit():
        raise Invalid(f"failed to parse {MTU} value: {text}", hint="an MTU is a number of bytes")
    number = int(text)
    if number and not _MTU_RANGE[0] <= number <= _MTU_RANGE[1]:
        raise Invalid(
            f"invalid MTU number: {text}", hint=f"choose {_MTU_RANGE[0]} to {_MTU_RANGE[1]}"
        )
    return number


def _link_name(name: str) -> str:
    """A name that the kernel takes for a link (dev_valid_name in net/core/dev.c)."""
    bad = name in (".", "..") or any(c in "/:" or c.isspace() for c in name)
    if bad or len(name.encode()) > LONGEST_LINK_NAME:
        raise Invalid(
            f"invalid bridge name {name!r}",
            hint=f"a link's name has at most {LONGEST_LINK_NAME} bytes and no slash, colon or "
            "blank",
        )
    return name


def _binding(text: str) -> str:
    return str(address(text, "host binding address")) if text else ""


def _gateway_mode(options: Mapping[str, str], key: str) -> str:
    mode = options.get(key, "") or "nat"
    if mode not in _GATEWAY_MODES:
        raise Invalid(
            f"unknown gateway mode {mode} in {key}", hint=f"use one of {', '.join(_GATEWAY_MODES)}"
        )
    return mode
