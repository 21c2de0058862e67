"""NUL bytes are found wherever they are."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.engine.containers.checks import texts
from wherry.engine.containers.config import ContainerConfig, HostConfig, LogConfig, Mount
from wherry.errors import Invalid


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (ContainerConfig(hostname="a\0b"), "Hostname"),
        (ContainerConfig(user="\0"), "User"),
        (ContainerConfig(labels={"a\0": "b"}), "Labels"),
        (HostConfig(tmpfs={"/x": "size=\0"}), "Tmpfs"),
        (HostConfig(log_config=LogConfig("", {"a": "b\0"})), "Config"),
        (HostConfig(mounts=(Mount("bind", "/x\0", "/y"),)), "Source"),
    ],
)
def test_a_nul_byte_is_named(value: Any, name: str) -> None:
    with pytest.raises(Invalid, match=f"{name} contains a NUL byte"):
        texts.check(value)


def test_what_has_none_passes() -> None:
    texts.check(ContainerConfig(hostname="a", labels={"a": "b"}, cmd=("sh",)))
    texts.check(HostConfig())
