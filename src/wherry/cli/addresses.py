"""Is this text an IP address? (`ipaddress` would cost 8 ms to import.)"""

from __future__ import annotations

import _socket


def is_address(text: str) -> bool:
    """Whether inet_pton(3) takes it, as IPv4 or IPv6."""
    for family in (_socket.AF_INET, _socket.AF_INET6):
        try:
            _socket.inet_pton(family, text)
        except (OSError, ValueError):
            continue
        return True
    return False


def is_hardware_address(text: str) -> bool:
    """Whether it is a MAC address of six bytes: `02:42:ac:11:00:02`, also with `-`."""
    parts = text.replace("-", ":").split(":")
    return len(parts) == 6 and all(
        len(part) == 2 and not part.strip("0123456789abcdefABCDEF") for part in parts
    )
