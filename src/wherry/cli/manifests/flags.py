"""Flags that several manifest commands share."""

from __future__ import annotations

from wherry.cli.flags import Flag

INSECURE = Flag(
    "insecure", "", "bool", "Speak to the registry without verified TLS, or without TLS"
)
