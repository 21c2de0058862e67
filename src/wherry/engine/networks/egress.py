"""Egress policies: what a container may reach beyond its own networks, and its text form.

`deny` lets nothing out; `allow=RULE[,RULE...]` lets out what a rule names. A rule is a name
(`example.org`), all names below one (`*.example.org`), an address or a CIDR, each with an optional
`:port` (`[2001:db8::1]:443` for IPv6). A policy on the container counts before one on a network.
Kept as text in the label or driver option `wherry.egress`, so that every Docker client can set it;
`--egress` of our own command line writes just that label or option.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from wherry.engine.networks.values import EgressPolicy, EgressRule
from wherry.errors import Invalid

LABEL: Final = "wherry.egress"
"""Container label, and network label or driver option, that holds a policy's text."""

_HINT: Final = "write deny, or allow=HOST[:PORT][,...] with names, *.names, addresses or CIDRs"
_NAME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
_LONGEST_NAME: Final = 253
_LONGEST_LABEL: Final = 63


def parse(text: str) -> EgressPolicy:
    """A policy from its text. Raises Invalid that quotes the offending rule."""
    word, equals, rules = text.strip().partition("=")
    if word == "deny" and not equals:
        return EgressPolicy()
    if word != "allow" or not rules:
        raise Invalid(f"invalid egress policy {text!r}", hint=_HINT)
    return EgressPolicy(tuple(dict.fromkeys(_rule(each.strip()) for each in rules.split(","))))


def is_name(rule: EgressRule) -> bool:
    """Whether the rule is about names; otherwise its host is a CIDR."""
    return "/" not in rule.host


def _rule(text: str) -> EgressRule:
    host, port = _host_and_port(text)
    if "/" in host or ":" in host or host.replace(".", "").isdigit():
        try:
            return EgressRule(str(ipaddress.ip_network(host)), port)
        except ValueError as error:
            raise Invalid(f"invalid egress rule {text!r}: {error}", hint=_HINT) from None
    name = host.lower().rstrip(".")
    if not _is_valid_name(name.removeprefix("*.")):
        raise Invalid(f"invalid egress rule {text!r}: not a host name", hint=_HINT)
    return EgressRule(name, port)


def _host_and_port(text: str) -> tuple[str, int]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise Invalid(f"invalid egress rule {text!r}: unbalanced brackets", hint=_HINT)
        return host, _port(text, rest[1:]) if rest else 0
    if text.count(":") != 1:  # an IPv6 address without brackets has no port
        return text, 0
    host, _, port = text.partition(":")
    return host, _port(text, port)


def _port(text: str, digits: str) -> int:
    if not (digits.isascii() and digits.isdigit() and 1 <= int(digits) <= 65535):
        raise Invalid(f"invalid egress rule {text!r}: a port is 1 to 65535", hint=_HINT)
    return int(digits)


def _is_valid_name(name: str) -> bool:
    labels = name.split(".")
    return (
        len(name) <= _LONGEST_NAME
        and all(0 < len(label) <= _LONGEST_LABEL for label in labels)
        and set(name) <= _NAME_CHARACTERS
    )
