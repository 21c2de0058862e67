"""Headers of tar archives, read from bytes: v7, ustar, GNU (long names, sparse, base-256), pax.

No I/O. Slim: runs in the unpack worker. Sources: POSIX.1-2017 pax(1), "ustar Interchange Format"
and "pax Extended Header"; the GNU tar manual, "Basic Tar Format" and "Storing Sparse Files".
"""

from __future__ import annotations

import struct
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    Extent = tuple[int, int]
    """(offset, length) of a stored part of a sparse file."""

BLOCK = 512
SPECIAL_LIMIT = 1 << 20
"""Longest pax header or GNU long name that is accepted, in bytes."""

REGULAR, OLD_REGULAR, HARD_LINK, SYMLINK = b"0", b"\0", b"1", b"2"
CHARACTER, BLOCK_DEVICE, DIRECTORY, FIFO, CONTIGUOUS = b"3", b"4", b"5", b"6", b"7"
PAX, PAX_GLOBAL = b"x", b"g"
GNU_LONG_NAME, GNU_LONG_LINK, GNU_SPARSE, GNU_VOLUME = b"L", b"K", b"S", b"V"

_FIELDS = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
_ZEROS = bytes(BLOCK)
_POSIX_MAGIC = b"ustar\x00"
_GNU_MAGIC = b"ustar  \x00"
_MAX_ID = 0xFFFFFFFE
_XATTR = b"SCHILY.xattr."
_ADLER_MODULUS = 65521


class TarError(Exception):
    """The archive is damaged, hostile or of a kind that cannot be unpacked."""


class Header:
    """One member. Bytes for names; `mtime` in nanoseconds; `size` of the data that follow it.

    `extents` is None but for sparse files, whose whole length is `real_size` then.
    """

    __slots__ = (
        "extents",
        "gid",
        "link",
        "major",
        "minor",
        "mode",
        "mtime",
        "name",
        "pax_map",
        "real_size",
        "size",
        "type",
        "uid",
        "xattrs",
    )

    def __init__(self) -> None:
        self.name = b""
        self.link = b""
        self.type = REGULAR
        self.mode = self.uid = self.gid = self.size = self.mtime = 0
        self.major = self.minor = 0
        self.real_size = 0
        self.xattrs: dict[bytes, bytes] = {}
        self.extents: list[Extent] | None = None
        self.pax_map = False  # pax sparse 1.0: the map of extents is the beginning of the data


def parse(block: bytes) -> Header | None:
    """A header from its 512 bytes; None for the block of zeros that ends an archive."""
    if block == _ZEROS:
        return None
    (name, mode, uid, gid, size, mtime, checksum, kind, link, magic, _, _, major, minor, prefix) = (
        _FIELDS.unpack(block)
    )
    _check(block, number(checksum))
    header = Header()
    header.name = name.partition(b"\0")[0]
    header.link = link.partition(b"\0")[0]
    header.mode = number(mode) & 0o7777
    header.uid = number(uid)
    header.gid = number(gid)
    header.size = _length(number(size))
    header.mtime = number(mtime) * 1_000_000_000
    header.type = kind
    if kind in (CHARACTER, BLOCK_DEVICE):
        header.major, header.minor = number(major), number(minor)
    if prefix[0] and magic.startswith(_POSIX_MAGIC):
        header.name = prefix.partition(b"\0")[0] + b"/" + header.name
    return header


def _check(block: bytes, expected: int) -> None:
    """Compare the checksum: the sum of all bytes with its own field as spaces.

    Adler-32's low half is one plus that sum, modulo 65521, at a twentieth of sum()'s time; the
    exact sums, unsigned and as old programs made it signed, are tried only where it differs.
    """
    blanked = block[:148] + b"        " + block[156:]
    if (zlib.adler32(blanked) - 1 - expected) & 0xFFFF == 0 and expected < _ADLER_MODULUS:
        return
    total = sum(blanked)
    signed = total - 256 * sum(byte > 127 for byte in blanked)
    if expected not in (total, signed):
        raise TarError(f"bad header checksum: {expected} stated, {total} found")


def number(field: bytes) -> int:
    """A numeric field: octal text, or base-256 where the first bit is set (GNU)."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ~(0x80 << 8 * (len(field) - 1))
        negative = field[0] & 0x40
        return value - (1 << 8 * len(field) - 1) if negative else value
    text = field.partition(b"\0")[0].strip()
    try:
        return int(text, 8) if text else 0
    except ValueError:
        raise TarError(f"bad number {field!r} in a header") from None


def _length(value: int) -> int:
    if value < 0 or value > 1 << 62:
        raise TarError(f"impossible size {value}")
    return value


def check_ids(header: Header) -> None:
    """Owners must fit the kernel's 32 bits; -1 would mean "leave it"."""
    if not (0 <= header.uid <= _MAX_ID and 0 <= header.gid <= _MAX_ID):
        raise TarError(f"impossible owner {header.uid}:{header.gid}")


def parse_pax(data: bytes) -> list[tuple[bytes, bytes]]:
    """The records `length key=value\\n` of an extended header, in order."""
    records: list[tuple[bytes, bytes]] = []
    position = 0
    while position < len(data):
        digits, space, _ = data[position : position + 20].partition(b" ")
        if not (space and digits.isdigit()):
            raise TarError("damaged pax header")
        end = position + int(digits)
        record = data[position + len(digits) + 1 : end]
        key, equals, value = record[:-1].partition(b"=")
        if not equals or record[-1:] != b"\n" or end > len(data):
            raise TarError("damaged pax header")
        records.append((key, value))
        position = end
    return records


def apply_pax(header: Header, records: list[tuple[bytes, bytes]]) -> None:
    """Let pax records override what the header says."""
    sparse: dict[bytes, bytes] = {}
    offsets: list[bytes] = []
    for key, value in records:
        if key.startswith(_XATTR):
            header.xattrs[key[len(_XATTR) :]] = value
        elif key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            offsets.append(value)
        elif key.startswith(b"GNU.sparse."):
            sparse[key[len(b"GNU.sparse.") :]] = value
        elif value and key in _PAX_FIELDS:  # an empty value takes an earlier one back
            _PAX_FIELDS[key](header, value)
    if sparse:
        _apply_pax_sparse(header, sparse, offsets)


def _apply_pax_sparse(header: Header, sparse: dict[bytes, bytes], offsets: list[bytes]) -> None:
    """GNU's three pax forms of sparse files: 0.0 and 0.1 here, 1.0 with its map in the data."""
    real_size = sparse.get(b"realsize", sparse.get(b"size"))
    if real_size is None:
        raise TarError("sparse file without its length")
    header.real_size = _length(decimal(real_size))
    header.name = sparse.get(b"name", header.name)
    if sparse.get(b"major") == b"1":
        header.pax_map = True
        return
    words = sparse[b"map"].split(b",") if sparse.get(b"map") else offsets
    header.extents = extents([decimal(word) for word in words], header.real_size)


def extents(numbers: list[int], real_size: int) -> list[Extent]:
    """Pairs of offset and length -> extents; raises TarError unless they ascend and fit."""
    if len(numbers) % 2:
        raise TarError("damaged map of a sparse file")
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    end = 0
    for offset, length in pairs:
        if offset < end or length < 0 or offset + length > real_size:
            raise TarError("impossible map of a sparse file")
        end = offset + length
    return [pair for pair in pairs if pair[1]]


def gnu_sparse(block: bytes) -> tuple[list[int], bool, int]:
    """Old GNU sparse header: offsets and lengths, whether more blocks follow, whole length."""
    return _map_fields(block[386:482], 4), bool(block[482]), _length(number(block[483:495]))


def gnu_sparse_extension(block: bytes) -> tuple[list[int], bool]:
    """A further block of the map."""
    return _map_fields(block, 21), bool(block[504])


def _map_fields(area: bytes, count: int) -> list[int]:
    numbers: list[int] = []
    for position in range(0, count * 24, 24):
        if not area[position]:
            break
        numbers.append(number(area[position : position + 12]))
        numbers.append(number(area[position + 12 : position + 24]))
    return numbers


def extent_count(text: bytes, stored: int) -> int:
    """The number of pairs in a pax 1.0 map; each takes four bytes at least."""
    count = decimal(text)
    if count > stored // 4:
        raise TarError("impossible map of a sparse file")
    return count


def decimal(text: bytes) -> int:
    """Decimal digits; raises TarError for anything else."""
    if len(text) > 20 or not text.isdigit():
        raise TarError(f"bad number {text[:40]!r} in a pax header")
    return int(text)


def _set_name(header: Header, value: bytes) -> None:
    header.name = value


def _set_link(header: Header, value: bytes) -> None:
    header.link = value


def _set_size(header: Header, value: bytes) -> None:
    header.size = _length(decimal(value))


def _set_uid(header: Header, value: bytes) -> None:
    header.uid = decimal(value)


def _set_gid(header: Header, value: bytes) -> None:
    header.gid = decimal(value)


def _set_mtime(header: Header, value: bytes) -> None:
    """Seconds with a fraction, perhaps negative."""
    sign = -1 if value.startswith(b"-") else 1
    whole, _, fraction = value.lstrip(b"-").partition(b".")
    nanoseconds = decimal(fraction.ljust(9, b"0")[:9]) if fraction else 0
    header.mtime = sign * (decimal(whole or b"0") * 1_000_000_000 + nanoseconds)


_PAX_FIELDS = {
    b"path": _set_name,
    b"linkpath": _set_link,
    b"size": _set_size,
    b"uid": _set_uid,
    b"gid": _set_gid,
    b"mtime": _set_mtime,
}
