"""Options of a tmpfs."""

from __future__ import annotations

import pytest

from wherry.engine.containers.checks import tmpfs
from wherry.engine.containers.config import HostConfig, Mount, TmpfsOptions
from wherry.errors import Invalid


@pytest.mark.parametrize("word", ["bind", "rbind", "remount", "move", "idmap=uids=0-0-1"])
def test_another_mount_is_refused(word: str) -> None:
    mount = Mount(
        "tmpfs", target="/x", tmpfs_options=TmpfsOptions(options=(("size", "1m"), (word,)))
    )
    for host in (HostConfig(tmpfs={"/x": f"size=1m,{word}"}), HostConfig(mounts=(mount,))):
        with pytest.raises(Invalid, match="invalid tmpfs option"):
            tmpfs.check(host)


def test_usual_options_pass() -> None:
    tmpfs.check(HostConfig(tmpfs={"/x": "", "/y": "rw,size=1m,mode=1777,noexec"}))
    tmpfs.check(HostConfig(mounts=(Mount("tmpfs", target="/x"),)))
