"""The unpack worker: a process of its own that unpacks one layer and ends.

Started by `image.unpacking` with an isolated interpreter as
    python -IS -c BOOT <sys.path entries joined by ":"> <stage directory>
The archive comes on descriptor 0; the result, one marshalled dict, leaves on descriptor 1: either
the counts or {"error": text, "errno": number or 0}. Slim, so that it starts in a few milliseconds.
"""

from __future__ import annotations

import marshal
import os
import sys

from wherry.image.compression import CompressionError, new_compressor
from wherry.image.tarheader import TarError
from wherry.image.tarsource import TarSource
from wherry.image.unpack import Unpacker
from wherry.kernel import libc
from wherry.kernel.process import set_pdeathsig
from wherry.storage.recipe import RecipeWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KILL = 9
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_RECIPE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def main() -> None:
    """Unpack descriptor 0 into the stage named on the command line, report, exit."""
    set_pdeathsig(_KILL)
    try:
        result = _unpack(sys.argv[2])
    except (TarError, CompressionError) as error:
        result = {"error": str(error), "errno": 0}
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        result = {"error": f"{place}{error.strerror}", "errno": error.errno or 0}
    os.write(1, marshal.dumps(result, 2))
    os._exit(0)


def _unpack(stage: str) -> dict[str, Any]:
    root = os.open(f"{stage}/diff", _DIRECTORY)
    shadow = os.open(f"{stage}/shadow", _DIRECTORY)
    recipe_file = os.open(f"{stage}/recipe", _RECIPE, 0o600)
    source = TarSource(0)
    recipe = RecipeWriter(lambda data: _write_all(recipe_file, data), new_compressor())
    _confine(root)
    unpacker = Unpacker(source, root, shadow, recipe)
    unpacker.run()
    recipe.finish()
    libc.call("syncfs", root, path=stage)
    return {
        "diff_id": f"sha256:{source.hash.hexdigest()}",
        "tar_size": source.size,
        "blob_digest": f"sha256:{source.compressed.hash.hexdigest()}",
        "blob_size": source.compressed.size,
        "size": unpacker.size,
        "entries": unpacker.entries,
        "shadows": unpacker.shadows,
    }


def _confine(root: int) -> None:
    """From here on no name leads out of the layer; the descriptors held lead beside it only."""
    os.fchdir(root)
    os.chroot(".")


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
