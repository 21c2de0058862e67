"""Running the unpack worker: archive in, layer out."""

from __future__ import annotations

import contextlib
import errno
import marshal
import os
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING

from wherry.errors import Internal, Invalid, Unavailable
from wherry.storage.layer import UnpackedLayer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.storage.layer import Layer, LayerStore, Stage
    from wherry.storage.leases import Lease

_BOOT = (
    "import sys; sys.path[:] = sys.argv[1].split(':');"
    "from wherry.image.unpackworker import main; main()"
)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_PIPE_SIZE = 1 << 20


def unpack_file(
    layers: LayerStore, file: IO[bytes], lease: Lease, *, expected: str = "", blob: str = ""
) -> tuple[Layer, UnpackedLayer]:
    """Unpack a layer from an open file, compressed or not, and commit it.

    `expected` is the diffID and `blob` the digest of the bytes as they are, where known. Raises
    Invalid for a bad archive or a digest that does not fit, Unavailable when the disk is full.
    """
    with layers.stage() as stage, _worker(stage, file) as worker:
        return _commit(layers, stage, _result(worker), lease, expected, blob)


def unpack_stream(
    layers: LayerStore, portions: Iterable[bytes], lease: Lease, *, expected: str = ""
) -> tuple[Layer, UnpackedLayer]:
    """The same from portions of bytes as they come."""
    with layers.stage() as stage, _worker(stage, subprocess.PIPE) as worker:
        assert worker.stdin is not None
        feeder = _Feeder(worker.stdin, portions)
        unpacked = _result(worker, feeder)
        return _commit(layers, stage, unpacked, lease, expected, "")


def _worker(stage: Stage, source: IO[bytes] | int) -> subprocess.Popen[bytes]:
    paths = ":".join(os.path.abspath(path) for path in sys.path if path)
    command = [sys.executable, "-IS", "-c", _BOOT, paths, stage.path]
    return subprocess.Popen(
        command,
        stdin=source,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
        cwd="/",
        pipesize=_PIPE_SIZE,
    )


class _Feeder:
    """Writes portions into the worker's pipe, in the thread that the portions come from."""

    def __init__(self, pipe: IO[bytes], portions: Iterable[bytes]) -> None:
        self._pipe = pipe
        self._portions = portions

    def run(self) -> None:
        """To the end, or until the worker has stopped reading (it then says why)."""
        with contextlib.suppress(BrokenPipeError):
            for portion in self._portions:
                self._pipe.write(portion)
            self._pipe.close()


def _result(worker: subprocess.Popen[bytes], feeder: _Feeder | None = None) -> UnpackedLayer:
    assert worker.stdout is not None and worker.stderr is not None
    errors: list[bytes] = []
    reader = threading.Thread(target=lambda: errors.append(worker.stderr.read()))  # type: ignore[union-attr]
    reader.start()
    try:
        if feeder is not None:
            feeder.run()
        answer = worker.stdout.read()
    except BaseException:
        worker.kill()
        raise
    finally:
        reader.join()
        worker.wait()
    return _decoded(worker.returncode, answer, b"".join(errors))


def _decoded(status: int, answer: bytes, errors: bytes) -> UnpackedLayer:
    if not answer:
        last = errors.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise Internal(f"the unpack worker ended with status {status}: {last or 'no message'}")
    result = marshal.loads(answer)
    if "error" in result:
        kind = Unavailable if result["errno"] in _FULL else Invalid
        raise (Internal if result["errno"] and kind is Invalid else kind)(
            f"cannot unpack the layer: {result['error']}"
        )
    return UnpackedLayer(**result | {"shadows": tuple(map(tuple, result["shadows"]))})


def _commit(
    layers: LayerStore,
    stage: Stage,
    unpacked: UnpackedLayer,
    lease: Lease,
    expected: str,
    blob: str,
) -> tuple[Layer, UnpackedLayer]:
    if blob and blob != unpacked.blob_digest:
        raise Invalid(f"layer digest does not fit: expected {blob}, found {unpacked.blob_digest}")
    if expected and expected != unpacked.diff_id:
        raise Invalid(f"layer digest does not fit: expected {expected}, found {unpacked.diff_id}")
    return layers.commit(stage, unpacked, lease), unpacked
