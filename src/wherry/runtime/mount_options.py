"""The words of mount(8) and of OCI mounts, sorted into what the kernel's calls want.

Sources: OCI runtime-spec config.md (mounts, Linux mount options), mount_setattr(2).
"""

from __future__ import annotations

from wherry.kernel.mount import (
    MOUNT_ATTR__ATIME,
    MOUNT_ATTR_NOATIME,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NODIRATIME,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW,
    MOUNT_ATTR_RDONLY,
    MOUNT_ATTR_STRICTATIME,
    MS_PRIVATE,
    MS_REC,
    MS_SHARED,
    MS_SLAVE,
    MS_UNBINDABLE,
)

# word: (attributes to set, attributes to clear); with an "r" in front it holds for the whole tree
ATTRIBUTES = {
    "ro": (MOUNT_ATTR_RDONLY, 0),
    "rw": (0, MOUNT_ATTR_RDONLY),
    "nosuid": (MOUNT_ATTR_NOSUID, 0),
    "suid": (0, MOUNT_ATTR_NOSUID),
    "nodev": (MOUNT_ATTR_NODEV, 0),
    "dev": (0, MOUNT_ATTR_NODEV),
    "noexec": (MOUNT_ATTR_NOEXEC, 0),
    "exec": (0, MOUNT_ATTR_NOEXEC),
    "nodiratime": (MOUNT_ATTR_NODIRATIME, 0),
    "diratime": (0, MOUNT_ATTR_NODIRATIME),
    "relatime": (0, MOUNT_ATTR__ATIME),
    "norelatime": (0, MOUNT_ATTR__ATIME),
    "noatime": (MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME),
    "atime": (0, MOUNT_ATTR__ATIME),
    "strictatime": (MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME),
    "nostrictatime": (0, MOUNT_ATTR__ATIME),
    "nosymfollow": (MOUNT_ATTR_NOSYMFOLLOW, 0),
    "symfollow": (0, MOUNT_ATTR_NOSYMFOLLOW),
}
PROPAGATION = {
    "private": MS_PRIVATE,
    "rprivate": MS_PRIVATE | MS_REC,
    "slave": MS_SLAVE,
    "rslave": MS_SLAVE | MS_REC,
    "shared": MS_SHARED,
    "rshared": MS_SHARED | MS_REC,
    "unbindable": MS_UNBINDABLE,
    "runbindable": MS_UNBINDABLE | MS_REC,
}
_BINDS = {"bind": False, "rbind": True}
# Words that ask for what happens anyway, or that only mount(8) itself reads.
_WITHOUT_EFFECT = {"defaults", "async", "nouser", "_netdev", "nofail", "auto", "noauto"}


class Options:
    """Sorted options.

    `attributes` and `tree` are (set, clear) for the mount itself and for everything below it;
    `propagation` is (MS_* flag, whether for the tree) or None; `data` are the file system's own
    words; `bind` is None, False (this mount) or True (with those below it); `copy_up` asks a tmpfs
    to begin with the content it hides.
    """

    __slots__ = ("attributes", "bind", "copy_up", "data", "idmap", "propagation", "tree")

    def __init__(self) -> None:
        self.attributes = (0, 0)
        self.tree = (0, 0)
        self.propagation: tuple[int, bool] | None = None
        self.data: list[str] = []
        self.bind: bool | None = None
        self.idmap: bool | None = None
        self.copy_up = False


def parse(words: list[str]) -> Options:
    """Sort `words`; later ones win over earlier ones, unknown ones belong to the file system."""
    options = Options()
    for word in words:
        _take(options, word)
    return options


def _take(options: Options, word: str) -> None:
    if word in ATTRIBUTES:
        options.attributes = _merge(options.attributes, ATTRIBUTES[word])
    elif word in PROPAGATION:
        flags = PROPAGATION[word]
        options.propagation = (flags & ~MS_REC, bool(flags & MS_REC))
    elif word in _BINDS:
        options.bind = _BINDS[word]
    elif word[:1] == "r" and word[1:] in ATTRIBUTES:
        options.tree = _merge(options.tree, ATTRIBUTES[word[1:]])
    elif word in ("idmap", "ridmap"):
        options.idmap = word == "ridmap"
    elif word == "tmpcopyup":
        options.copy_up = True
    elif word not in _WITHOUT_EFFECT:
        options.data.append(word)


def _merge(earlier: tuple[int, int], later: tuple[int, int]) -> tuple[int, int]:
    set_, clear = later
    return (earlier[0] & ~clear | set_, earlier[1] & ~set_ | clear)
