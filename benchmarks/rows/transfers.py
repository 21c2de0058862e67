"""Pull and push of an image of ten layers through docker-registry, and what the daemon needs."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks.budgets import Budget, Row
from benchmarks.contestants import Contestants
from benchmarks.measure import Account, Result, Turn, rounds
from benchmarks.rows.unpack import whole_members
from tests import ocicontent
from tests.engines import Engine
from tests.ocicontent import Repository
from tests.registries import DockerRegistry

LAYERS = 10
LAYER_BYTES = 40_000_000
LARGEST = 2_000_000  # bytes of a file: layers are cut between members
SOURCES = ("usr/bin", "usr/lib", "usr/share")
NAME = "bench/big"


def image(contestants: Contestants, count: int) -> list[Row]:
    """Pull it cold, then push it to a repository that has nothing of it."""
    if not DockerRegistry.is_installed():
        raise RuntimeError("docker-registry is not installed")
    few = max(3, count // 6)
    with DockerRegistry(contestants.directory / "bundle" / "transfers") as registry:
        repository = Repository(registry.address, NAME)
        packed = _publish(repository)
        name = repository.reference("1")
        size = f"{LAYERS} layers, {LAYERS * LAYER_BYTES / 1e6:.0f} MB, {packed / 1e6:.0f} packed"
        pulls = _pulls(contestants, name)
        pulled = rounds(pulls, few)
        peaks = {kind: _peak(engine, name) for kind, engine in contestants.engines.items()}
        with ExitStack() as held:
            pushed = rounds(_pushes(contestants, name, held), few)
        for engine in contestants.engines.values():
            engine.docker("image", "prune", "-af")
        for tool in ("skopeo", "umoci"):
            if tool in pulls:
                pulls[tool].account.close()
    return [
        Row("pull of a large image, cold", pulled, (Budget(0.7, "dockerd"),), size),
        Row("peak of the daemon's memory while it pulls", peaks, (Budget(100),)),
        Row("push of a large image", pushed, (Budget(1, "dockerd"),), size),
    ]


def _publish(repository: Repository) -> int:
    """Put ten layers of this machine's files there; bytes as they are packed."""
    small = f"find {' '.join(SOURCES)} -xdev -type f -size -{LARGEST}c -print0"
    pack = "tar -cf - --hard-dereference --ignore-failed-read --null -T -"
    command = f"cd / && {small} | {pack} 2>/dev/null"
    layers, diff_ids = [], []
    with subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        rest = b""
        for _ in range(LAYERS):
            data = rest + process.stdout.read(LAYER_BYTES - len(rest))
            layer = whole_members(data)
            rest, layer = data[len(layer) :], layer + bytes(1024)
            diff_ids.append(ocicontent.digest(layer))
            layers.append(repository.put_blob(ocicontent.LAYER, gzip.compress(layer, 6, mtime=0)))
        process.kill()
    rootfs = {"type": "layers", "diff_ids": diff_ids}
    config = {"os": "linux", "architecture": "amd64", "config": {"Cmd": ["x"]}, "rootfs": rootfs}
    document = {
        "schemaVersion": 2,
        "mediaType": ocicontent.MANIFEST,
        "config": repository.put_blob(ocicontent.CONFIG, json.dumps(config).encode()),
        "layers": layers,
    }
    repository.put(document, "1")
    return sum(layer["size"] for layer in layers)


def _pulls(contestants: Contestants, name: str) -> dict[str, Turn]:
    turns = {
        kind: Turn(contestants.accounts[kind], _pulling(engine, name), _forgetting(engine, name))
        for kind, engine in contestants.engines.items()
    }
    if shutil.which("skopeo"):
        turns["skopeo"] = _copying(contestants.directory / "bundle" / "skopeo", name, unpack=False)
        if shutil.which("umoci"):
            place = contestants.directory / "bundle" / "umoci"
            turns["umoci"] = _copying(place, name, unpack=True)
    return turns


def _pulling(engine: Engine, name: str) -> Callable[[], None]:
    def pull() -> None:
        engine.output("pull", "-q", name)

    return pull


def _forgetting(engine: Engine, name: str) -> Callable[[], None]:
    def forget() -> None:
        engine.docker("rmi", "-f", name)
        subprocess.run(["sync"], check=True)

    return forget


def _copying(place: Path, name: str, *, unpack: bool) -> Turn:
    """skopeo into an OCI layout, and for umoci also out of it into a tree of files."""

    def clear() -> None:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        subprocess.run(["sync"], check=True)

    def copy() -> None:
        target = f"oci:{place}/layout:1"
        copying = ["skopeo", "copy", "-q", "--src-tls-verify=false", f"docker://{name}", target]
        subprocess.run(copying, check=True, capture_output=True)
        if unpack:
            unpacking = ["umoci", "raw", "unpack", "--image", f"{place}/layout:1", f"{place}/root"]
            subprocess.run(unpacking, check=True, capture_output=True)

    return Turn(Account("umoci" if unpack else "skopeo"), copy, clear)


def _peak(engine: Engine, name: str) -> Result:
    """VmHWM of the daemon over one pull (proc(5): writing 5 to clear_refs sets it back)."""
    assert engine.daemon is not None
    process = Path(f"/proc/{engine.daemon.pid}")
    engine.docker("rmi", "-f", name)
    (process / "clear_refs").write_text("5")
    engine.output("pull", "-q", name)
    return Result.amount(_field(process / "status", "VmHWM") / 1e6, "MB")


def _field(status: Path, name: str) -> int:
    """A line of /proc/PID/status in bytes."""
    lines: Mapping[str, str] = dict(
        line.split(":", 1) for line in status.read_text().splitlines() if ":" in line
    )
    return int(lines[name].split()[0]) * 1024


def _pushes(contestants: Contestants, name: str, held: ExitStack) -> dict[str, Turn]:
    return {kind: _push(contestants, kind, name, held) for kind in contestants.engines}


def _push(contestants: Contestants, kind: str, name: str, held: ExitStack) -> Turn:
    """Every push goes to a registry that is new to the engine and has nothing."""
    engine = contestants.engines[kind]
    target = DockerRegistry(contestants.directory / "bundle" / f"target-{kind}")
    held.callback(target.stop)

    def prepare() -> None:
        target.stop()
        shutil.rmtree(target.root, ignore_errors=True)
        target.port = 0  # another port is another registry: no engine knows what it has
        target.start()
        if engine.docker("image", "inspect", name).returncode:
            engine.output("pull", "-q", name)
        engine.output("tag", name, f"{target.address}/{NAME}:1")
        subprocess.run(["sync"], check=True)

    def push() -> None:
        engine.output("push", f"{target.address}/{NAME}:1")

    return Turn(contestants.accounts[kind], push, prepare)
