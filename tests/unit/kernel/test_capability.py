from __future__ import annotations

import pytest

from wherry.kernel import capability


def test_names_and_bits_are_each_others_inverse() -> None:
    names = ["CAP_CHOWN", "CAP_NET_RAW", "CAP_CHECKPOINT_RESTORE"]
    assert capability.mask(names) == 1 | 1 << 13 | 1 << 40
    assert capability.names(capability.mask(names)) == names


def test_unknown_name() -> None:
    with pytest.raises(KeyError):
        capability.mask(["CAP_NOTHING"])


def test_this_process() -> None:
    effective, permitted, _ = capability.get_caps()
    assert effective & ~permitted == 0
    assert capability.last_cap() >= capability.NUMBERS["CAP_AUDIT_READ"]
