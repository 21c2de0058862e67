"""The keys that detach a client: "ctrl-p,ctrl-q" and the like, looked for in terminal input."""

from __future__ import annotations

from typing import Final

from wherry.errors import Invalid

DEFAULT: Final = b"\x10\x11"
"""ctrl-p, ctrl-q."""
_CONTROL: Final = "@abcdefghijklmnopqrstuvwxyz[\\]^_"


def parse(text: str) -> bytes:
    """Return the bytes of a key sequence, the default one for "". Raises Invalid."""
    if not text:
        return DEFAULT
    return b"".join(_key(name, text) for name in text.split(","))


def _key(name: str, text: str) -> bytes:
    if len(name) == 1 and name.isascii():
        return name.encode()
    control = name.removeprefix("ctrl-")
    if control != name and len(control) == 1 and control in _CONTROL:
        return bytes([_CONTROL.index(control)])
    raise Invalid(
        f"Invalid detach keys ({text}) provided", hint='such as "ctrl-p,ctrl-q" or "ctrl-@,x"'
    )


class DetachScanner:
    """Passes input on until the key sequence is complete.

    A part of the sequence is held back until the next byte tells whether it goes on.
    """

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._held = b""

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """Return what to pass on, and whether the client detached."""
        whole = self._held + data
        place = whole.find(self._keys)
        if place >= 0:
            self._held = b""
            return whole[:place], True
        keep = self._begun(whole)
        self._held = whole[len(whole) - keep :]
        return whole[: len(whole) - keep], False

    def _begun(self, data: bytes) -> int:
        """Return how many bytes at the end of `data` may be the beginning of the sequence."""
        for length in range(min(len(self._keys) - 1, len(data)), 0, -1):
            if data.endswith(self._keys[:length]):
                return length
        return 0
