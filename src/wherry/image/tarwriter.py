"""Writing tar streams of trees: a merged view (export) or one layer's changes (diff, commit).

Deterministic: entries sorted, no user or group names, whole-second times (as Docker writes them; a
fraction would cost a pax header per file), which may be clamped to SOURCE_DATE_EPOCH. ustar fields
where they suffice, pax records where not (long names, large numbers, xattrs).
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.image.tarheader import BLOCK
from wherry.storage import merged, tree
from wherry.storage.snapshot import DELETED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wherry.storage.merged import MergedTree, Node
    from wherry.storage.snapshot import Change

_HEADER = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
_MAGIC = b"ustar\x0000"
_OCTAL_7 = 0o7777777
_OCTAL_11 = 0o77777777777
_CHUNK = 1 << 18
_END = bytes(2 * BLOCK)
_OPAQUE = b".wh..wh..opq"

_KINDS = {
    stat.S_IFREG: b"0",
    stat.S_IFLNK: b"2",
    stat.S_IFCHR: b"3",
    stat.S_IFBLK: b"4",
    stat.S_IFDIR: b"5",
    stat.S_IFIFO: b"6",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One tar member. `mtime` in whole seconds; `device` is (major, minor)."""

    name: bytes
    kind: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: int = 0
    link: bytes = b""
    device: tuple[int, int] = (0, 0)
    xattrs: tuple[tuple[str, bytes], ...] = ()


def encode(entry: Entry) -> bytes:
    """The header block, behind the pax header that it may need."""
    records = _pax_records(entry)
    block = _block(entry)
    if not records:
        return block
    data = b"".join(_pax_record(key, value) for key, value in records)
    extended = Entry(b"PaxHeaders/" + entry.name[-80:], b"x", size=len(data))
    return _block(extended) + data + bytes(-len(data) % BLOCK) + block


def _block(entry: Entry) -> bytes:
    """Values that do not fit are cut; their pax records say the truth."""
    prefix, name = _split(entry.name)
    header = bytearray(
        _HEADER.pack(
            name[:100],
            b"%07o" % entry.mode,
            b"%07o" % min(entry.uid, _OCTAL_7),
            b"%07o" % min(entry.gid, _OCTAL_7),
            b"%011o" % min(entry.size, _OCTAL_11),
            b"%011o" % min(max(entry.mtime, 0), _OCTAL_11),
            b"        ",
            entry.kind,
            entry.link[:100],
            _MAGIC,
            b"",
            b"",
            b"%07o" % min(entry.device[0], _OCTAL_7),
            b"%07o" % min(entry.device[1], _OCTAL_7),
            prefix,
        )
    )
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def _split(name: bytes) -> tuple[bytes, bytes]:
    """(prefix, name) of a ustar header; a name that fits neither way has an empty prefix."""
    if len(name) <= 100:
        return b"", name
    cut = name.rfind(b"/", 0, 156)
    if cut > 0 and 0 < len(name) - cut - 1 <= 100:
        return name[:cut], name[cut + 1 :]
    return b"", name


def _pax_records(entry: Entry) -> list[tuple[bytes, bytes]]:
    records: list[tuple[bytes, bytes]] = []
    if len(_split(entry.name)[1]) > 100:
        records.append((b"path", entry.name))
    if len(entry.link) > 100:
        records.append((b"linkpath", entry.link))
    numbers = ((b"uid", entry.uid, _OCTAL_7), (b"gid", entry.gid, _OCTAL_7))
    for key, value, limit in (*numbers, (b"size", entry.size, _OCTAL_11)):
        if value > limit:
            records.append((key, b"%d" % value))
    if entry.mtime < 0 or entry.mtime > _OCTAL_11:
        records.append((b"mtime", b"%d" % entry.mtime))
    for name, xattr in entry.xattrs:
        records.append((b"SCHILY.xattr." + os.fsencode(name), xattr))
    return records


def _pax_record(key: bytes, value: bytes) -> bytes:
    """`length key=value\\n`, where the length counts its own digits too."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


def whole(view: MergedTree, *, clamp: int | None = None) -> Iterator[bytes]:
    """The merged view as a tar, in portions; names relative ("etc/passwd"), no entry for the root.

    `clamp` is the latest mtime to write, in seconds. A file that changes while it is read is cut
    or filled up to the length that its header states.
    """
    writer = _Writer(clamp)
    for node in view.walk():
        if not stat.S_ISSOCK(node.state.st_mode):  # tar has no sockets; Docker leaves them out too
            yield from writer.node(node)
    yield _END


def part(root: int, base: str, name: bytes) -> Iterator[bytes]:
    """What is called `base` in the open directory `root`, as a tar of `name` and all below it.

    With an empty `base` it is the directory itself; its entries are `name` + b"/" + path then.
    Links are shown, never followed, whoever changes the tree meanwhile. Raises OSError.
    """
    if base:
        writer = _Writer(None, lambda path: name)
        state = os.stat(base, dir_fd=root, follow_symlinks=False)
        nodes: Iterator[Node] = iter((merged.Node(base, state, root),))
    else:
        writer = _Writer(None, lambda path: name + b"/" + os.fsencode(path) if path else name)
        top = merged.Node("", os.fstat(root), root)
        nodes = itertools.chain((top,), merged.walk(merged.MergedDirectory((root,), "")))
    for node in nodes:
        if not stat.S_ISSOCK(node.state.st_mode):
            yield from writer.node(node)
    yield _END


def changed(view: MergedTree, changes: Iterable[Change]) -> Iterator[bytes]:
    """What differs from the layers below, as a layer: deleted paths as whiteouts.

    What vanishes meanwhile is left out.
    """
    writer = _Writer(None)
    known: dict[str, dict[str, Node]] = {}
    for change in sorted(changes):
        path = change.path.lstrip("/")
        if change.kind == DELETED:
            yield encode(Entry(_whiteout_of(path), b"0", mode=0, mtime=0))
            continue
        parent, _, name = path.rpartition("/")
        if parent not in known:
            known.clear()  # sorted: what is asked for again is near
            known[parent] = _directory(view, parent).nodes()
        node = known[parent].get(name)
        if node is not None and not stat.S_ISSOCK(node.state.st_mode):
            yield from writer.node(node)
    yield _END


def _directory(view: MergedTree, path: str) -> merged.MergedDirectory:
    found = view.top
    for name in filter(None, path.split("/")):
        found = found.child(name)
    return found


def diff(upper: str, *, clamp: int | None = None) -> Iterator[bytes]:
    """One layer in overlayfs' form as a tar with whiteouts, as images carry it."""
    writer = _Writer(clamp)
    with tree.opened_directory(upper) as root:
        for path, state in _preorder(root):
            if merged.is_whiteout(state):
                yield encode(Entry(_whiteout_of(path), b"0", mode=0, mtime=0))
            elif not stat.S_ISSOCK(state.st_mode):
                yield from writer.node(merged.Node(path, state, root))
                if stat.S_ISDIR(state.st_mode) and merged.is_opaque(root, path):
                    yield encode(Entry(os.fsencode(path) + b"/" + _OPAQUE, b"0", mode=0))
    yield _END


def _preorder(root: int, path: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Every path below, sorted, directories before their content; no recursion."""
    pending = [iter(tree.scan(root, path))]
    parents = [path]
    while pending:
        step = next(pending[-1], None)
        if step is None:
            pending.pop()
            parents.pop()
            continue
        name, state = step
        here = f"{parents[-1]}/{name}" if parents[-1] else name
        yield here, state
        if stat.S_ISDIR(state.st_mode):
            pending.append(iter(tree.scan(root, here)))
            parents.append(here)


def _whiteout_of(path: str) -> bytes:
    head, slash, name = os.fsencode(path).rpartition(b"/")
    return head + slash + b".wh." + name


class _Writer:
    """Turns nodes into members; knows which inodes were written, for hard links."""

    def __init__(self, clamp: int | None, named: Callable[[str], bytes] = os.fsencode) -> None:
        self._clamp = clamp
        self._named = named
        self._written: dict[tuple[int, int], bytes] = {}

    def node(self, node: Node) -> Iterator[bytes]:
        """Header and content of one node; nothing when it vanished meanwhile."""
        try:
            entry, file = self._entry(node)
        except OSError as error:
            if error.errno in tree.VANISHED:
                return
            raise
        yield encode(entry)
        if file >= 0:
            try:
                yield from _content(file, entry.size)
            finally:
                os.close(file)

    def _entry(self, node: Node) -> tuple[Entry, int]:
        """The header, and an open descriptor where content follows it, else -1."""
        state = node.state
        name = self._named(node.path) + (b"/" if node.is_directory else b"")
        kind = _KINDS[stat.S_IFMT(state.st_mode)]
        entry = Entry(
            name,
            kind,
            stat.S_IMODE(state.st_mode),
            state.st_uid,
            state.st_gid,
            mtime=self._time(state),
            device=(os.major(state.st_rdev), os.minor(state.st_rdev)),
            link=os.fsencode(node.link_target()) if kind == b"2" else b"",
        )
        if state.st_nlink > 1 and not node.is_directory:
            identity = (state.st_dev, state.st_ino)
            first = self._written.setdefault(identity, name)
            if first != name:
                return _replaced(entry, kind=b"1", link=first), -1
        if kind not in (b"0", b"5"):
            return entry, -1
        return self._opened(node, entry)

    def _opened(self, node: Node, entry: Entry) -> tuple[Entry, int]:
        file = node.open()
        try:
            if stat.S_IFMT(os.fstat(file).st_mode) != stat.S_IFMT(node.state.st_mode):
                raise FileNotFoundError(errno.ENOENT, "replaced since", node.path)
            xattrs = tuple(merged.read_xattrs(file).items())
            if entry.kind == b"0":
                size = os.fstat(file).st_size
                return _replaced(entry, xattrs=xattrs, size=size), os.dup(file) if size else -1
            return _replaced(entry, xattrs=xattrs), -1
        finally:
            os.close(file)

    def _time(self, state: os.stat_result) -> int:
        seconds = state.st_mtime_ns // 1_000_000_000
        return seconds if self._clamp is None else min(seconds, self._clamp)


def _replaced(entry: Entry, **values: object) -> Entry:
    """`dataclasses.replace` at a third of its time; this runs once per file."""
    fields = {name: getattr(entry, name) for name in Entry.__slots__}
    return Entry(**{**fields, **values})


def _content(file: int, size: int) -> Iterator[bytes]:
    """Exactly `size` bytes and the padding; a file that shrank is filled up with zeros."""
    left = size
    while left:
        data = os.read(file, min(_CHUNK, left))
        if not data:
            break
        left -= len(data)
        yield data
    while left:
        yield bytes(min(_CHUNK, left))
        left -= min(_CHUNK, left)
    yield bytes(-size % BLOCK)
