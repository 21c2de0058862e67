"""The keys that leave a container running and give the terminal back (ctrl-p, ctrl-q)."""

from __future__ import annotations

from wherry.cli.failures import Failure

DEFAULT_KEYS = b"\x10\x11"

# ctrl-a to ctrl-z, then the control characters above them.
_CONTROL = {chr(letter): letter - ord("a") + 1 for letter in range(ord("a"), ord("z") + 1)}
_CONTROL |= {"@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, "_": 31}


def parse_keys(text: str) -> bytes:
    """`ctrl-p,ctrl-q` or `a,ctrl-x` as bytes; "" is the default. Raises `Failure`."""
    if not text:
        return DEFAULT_KEYS
    keys = bytearray()
    for name in text.split(","):
        if len(name) == 1:
            keys += name.encode()
        elif name.startswith("ctrl-") and name[5:].lower() in _CONTROL:
            keys.append(_CONTROL[name[5:].lower()])
        else:
            raise Failure(f"invalid detach keys ({text}): Unknown character: '{name}'")
    return bytes(keys)


class DetachKeys:
    """Looks for the sequence in typed bytes, and holds back a beginning of it."""

    __slots__ = ("_keys", "_seen", "found")

    def __init__(self, keys: bytes) -> None:
        self._keys = keys
        self._seen = 0
        self.found = False

    def filter(self, typed: bytes) -> bytes:
        """What of `typed` goes to the container; `found` tells that the sequence is complete."""
        if not self._keys:
            return typed
        passed = bytearray()
        for byte in typed:
            if byte == self._keys[self._seen]:
                self._seen += 1
                if self._seen == len(self._keys):
                    self.found = True
                    break
                continue
            passed += self._keys[: self._seen]
            self._seen = 0
            passed.append(byte)
        return bytes(passed)
