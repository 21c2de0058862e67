"""What one start knows: given by whoever makes the child, filled in by the steps on their way."""

from __future__ import annotations


class Child:
    """What the steps of one start share.

    Given: `fds` (the plan's descriptors), `root` (the root's detached mount, or -1), `sources`
    (detached bind sources), `dev` (a /dev made outside, or -1), `stdio` (three descriptors, -1 for
    /dev/null or the terminal), `status` (the close-on-exec socket), `stage` (where the root is
    mounted for a moment), `target` (the pidfd to join, or -1). Found on the way: `env`, `ids`
    (uid, gid, groups), `home`, `label` (an open attribute file and what to write), `program` (the
    path to execute) and `args`, `landlocked` (rules of Landlock hold), `slave` (of the terminal),
    `proc_device` (st_dev of our /proc), `prepared` (detached mounts made ahead, by target),
    `staged` (the open stage, or -1).
    """

    __slots__ = (
        "args",
        "dev",
        "env",
        "fds",
        "home",
        "ids",
        "label",
        "landlocked",
        "prepared",
        "proc_device",
        "program",
        "root",
        "slave",
        "sources",
        "stage",
        "staged",
        "status",
        "stdio",
        "target",
    )

    def __init__(self, status: int, stdio: tuple[int, int, int], fds: list[int]) -> None:
        self.status = status
        self.stdio = stdio
        self.fds = fds
        self.root = -1
        self.sources: list[int] = []
        self.dev = -1
        self.stage = ""
        self.staged = -1
        self.target = -1
        self.env: dict[str, str] = {}
        self.ids: tuple[int, int, list[int]] = (0, 0, [])
        self.home = "/"
        self.label: tuple[int, bytes] | None = None
        self.prepared: dict[str, int] = {}
        self.proc_device = -1
        self.program = ""
        self.args: list[str] = []
        self.landlocked = False
        self.slave = -1
