from __future__ import annotations

import pytest

from wherry.kernel.mount import (
    MOUNT_ATTR__ATIME,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    MOUNT_ATTR_STRICTATIME,
    MS_SLAVE,
)
from wherry.runtime.mount_options import parse


def test_words_go_where_they_belong() -> None:
    options = parse(["nosuid", "nodev", "mode=755", "size=1m", "rslave", "rro", "tmpcopyup"])
    assert options.attributes[0] == MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV
    assert options.data == ["mode=755", "size=1m"]
    assert options.propagation == (MS_SLAVE, True)
    assert options.tree == (MOUNT_ATTR_RDONLY, 0)
    assert options.copy_up


@pytest.mark.parametrize(
    ("words", "attributes"),
    [
        (["ro", "rw"], (0, MOUNT_ATTR_RDONLY)),
        (["rw", "ro"], (MOUNT_ATTR_RDONLY, 0)),
        (["strictatime"], (MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME)),
        (["strictatime", "relatime"], (0, MOUNT_ATTR__ATIME)),
    ],
)
def test_later_words_win(words: list[str], attributes: tuple[int, int]) -> None:
    assert parse(words).attributes == attributes


@pytest.mark.parametrize(("word", "bind"), [("bind", False), ("rbind", True), ("ro", None)])
def test_bind(word: str, bind: bool | None) -> None:
    assert parse([word]).bind is bind


def test_words_without_effect_vanish() -> None:
    assert parse(["defaults", "async"]).data == []
