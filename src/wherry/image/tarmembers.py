"""The members of a tar stream: headers with their long names, pax records and sparse maps applied.

Every byte that is not a regular file's content goes to the recipe on the way. Slim: runs in the
unpack worker.
"""

from __future__ import annotations

from wherry.image import tarheader
from wherry.image.tarheader import BLOCK, Header, TarError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.image.tarsource import TarSource
    from wherry.storage.recipe import RecipeWriter

_SPECIAL = (
    tarheader.PAX,
    tarheader.PAX_GLOBAL,
    tarheader.GNU_LONG_NAME,
    tarheader.GNU_LONG_LINK,
)


class Members:
    """Iterates over the members; whoever takes one must consume its data before the next.

    `header.size` is then the length of the stored data that still follows, without padding.
    """

    def __init__(self, source: TarSource, recipe: RecipeWriter) -> None:
        self._source = source
        self._recipe = recipe
        self._defaults: list[tuple[bytes, bytes]] = []
        self._seen = False

    def __iter__(self) -> Iterator[Header]:
        pending: dict[bytes, bytes] = {}
        while (header := self._header()) is not None:
            if header.type in _SPECIAL:
                self._read_special(header, pending)
                continue
            if pending or self._defaults:
                self._apply(header, pending)
                pending = {}
            tarheader.check_ids(header)
            self._read_sparse_map(header)
            yield header
        if pending:
            raise TarError("the archive ends after an extended header")
        self._drain()

    def _header(self) -> Header | None:
        """The next header; None at the end of the archive, marked or not."""
        block = self._source.block()
        if not block:
            return None
        self._recipe.literal(block)
        header = self._parse(block)
        if header is None:
            self._second_zero_block()
        elif header.type == tarheader.GNU_SPARSE:
            self._read_gnu_sparse(header, block)
        return header

    def _parse(self, block: bytes) -> Header | None:
        try:
            header = tarheader.parse(block)
        except TarError as error:
            if self._seen:
                raise
            raise TarError(f"this is no tar archive ({error})") from error
        self._seen = True
        return header

    def _second_zero_block(self) -> None:
        block = self._source.block()
        self._recipe.literal(block)
        if block.strip(b"\0"):
            raise TarError("something follows a lone block of zeros")

    def _read_special(self, header: Header, pending: dict[bytes, bytes]) -> None:
        if header.size > tarheader.SPECIAL_LIMIT:
            raise TarError(f"an extended header of {header.size} bytes")
        data = self._source.take(padded(header.size))
        self._recipe.literal(data)
        data = data[: header.size]
        if header.type == tarheader.PAX_GLOBAL:
            self._defaults += tarheader.parse_pax(data)
        elif header.type == tarheader.PAX:
            pending[tarheader.PAX] = data
        else:
            pending[header.type] = data.partition(b"\0")[0]

    def _apply(self, header: Header, pending: dict[bytes, bytes]) -> None:
        header.name = pending.get(tarheader.GNU_LONG_NAME, header.name)
        header.link = pending.get(tarheader.GNU_LONG_LINK, header.link)
        records = tarheader.parse_pax(pending.get(tarheader.PAX, b""))
        tarheader.apply_pax(header, self._defaults + records)

    def _read_gnu_sparse(self, header: Header, block: bytes) -> None:
        numbers, more, header.real_size = tarheader.gnu_sparse(block)
        while more:
            block = self._source.take(BLOCK)
            self._recipe.literal(block)
            further, more = tarheader.gnu_sparse_extension(block)
            numbers += further
        header.extents = tarheader.extents(numbers, header.real_size)

    def _read_sparse_map(self, header: Header) -> None:
        """pax 1.0: decimal lines, the count of pairs first, padded to a whole block."""
        if header.pax_map:
            before = header.size
            lines = self._lines(header)
            count = tarheader.extent_count(next(lines, b""), before)
            numbers = [tarheader.decimal(next(lines, b"")) for _ in range(2 * count)]
            header.extents = tarheader.extents(numbers, header.real_size)
        if header.extents is not None:
            stored = sum(length for _, length in header.extents)
            if stored != header.size:
                raise TarError(f"sparse file: {header.size} bytes stored, its map says {stored}")

    def _lines(self, header: Header) -> Iterator[bytes]:
        """Lines out of the data's first blocks, which leave `header.size` as they are read."""
        text = b""
        while header.size > 0:
            block = self._source.take(BLOCK)
            self._recipe.literal(block)
            header.size = max(header.size - BLOCK, 0)
            *whole, text = (text + block).split(b"\n")
            yield from whole

    def _drain(self) -> None:
        """What follows the end of the archive belongs to its digest too."""
        while data := self._source.rest():
            self._recipe.literal(data)


def padded(size: int) -> int:
    """The length rounded up to whole blocks."""
    return -(-size // BLOCK) * BLOCK
