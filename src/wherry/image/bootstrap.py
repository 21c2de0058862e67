"""Base images from the distribution's own packages, for machines that reach no registry.

`debian:<suite>` and `ubuntu:<suite>` are made by debootstrap from the mirror that this machine's
apt uses, `busybox` from the package busybox-static. The result is a docker-archive to be loaded.
With SOURCE_DATE_EPOCH in the environment (https://reproducible-builds.org/specs/source-date-epoch/)
two runs over the same packages give the same image id.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from wherry.errors import Denied, Invalid, Unavailable
from wherry.image import aptsources, busybox, save
from wherry.spec import image as documents
from wherry.spec import instant, platform, reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_BOOT = (
    "import sys; sys.path[:] = sys.argv[1].split(':');"
    "from wherry.image.bootstrapworker import main; main()"
)
_SCRIPTS = "/usr/share/debootstrap/scripts"
_KEYRINGS = {
    "debian": ("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
    "ubuntu": ("/usr/share/keyrings/ubuntu-archive-keyring.gpg", "ubuntu-keyring"),
}
_COMPONENTS = {"debian": "main", "ubuntu": "main universe"}
_SUITES = {
    ("debian", "latest"): "stable",
    ("debian", "11"): "bullseye",
    ("debian", "12"): "bookworm",
    ("debian", "13"): "trixie",
    ("ubuntu", "latest"): "noble",
    ("ubuntu", "20.04"): "focal",
    ("ubuntu", "22.04"): "jammy",
    ("ubuntu", "24.04"): "noble",
}
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """What to make: `image` is debian:SUITE, ubuntu:SUITE or busybox; `name` what to call it.

    `mirror` overrides apt's own; `cache` is a directory that keeps downloaded packages.
    """

    image: str
    name: str = ""
    mirror: str = ""
    cache: str = ""

    @property
    def full_name(self) -> str:
        """The reference that the image will have, in familiar form."""
        return reference.parse(self.name or self.image).tagged().familiar


def bootstrap(request: Bootstrap, report: Callable[[str], None]) -> Iterator[bytes]:
    """Make the image; returns a docker-archive, to be sent to `POST /images/load`.

    All work is done when it returns; `report` gets debootstrap's lines meanwhile. Needs root.
    Raises Invalid for an unknown distribution or suite or when no mirror is known, Unavailable when
    a program or the network is missing, Denied without root.
    """
    name = reference.parse(request.full_name)
    distribution, _, tag = request.image.partition(":")
    epoch = _source_date()
    if distribution == "busybox":
        with busybox.program() as path:
            layer = _spooled(busybox.root(path, epoch if epoch is not None else int(time.time())))
    elif distribution in _KEYRINGS:
        job = _job(request, distribution, _SUITES.get((distribution, tag), tag or "stable"), epoch)
        layer = _run_worker(job, report)
    else:
        raise Invalid(
            f"cannot bootstrap {request.image!r}",
            hint="one of debian:SUITE, ubuntu:SUITE, busybox",
        )
    command = ["sh"] if distribution == "busybox" else ["bash"]
    return _archive(layer, _config(layer, command, epoch, request.image), name)


def _source_date() -> int | None:
    """SOURCE_DATE_EPOCH in seconds. Raises Invalid."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    if not text.isdigit():
        raise Invalid(f"SOURCE_DATE_EPOCH must be a number of seconds, not {text!r}")
    return int(text)


def _job(request: Bootstrap, distribution: str, suite: str, epoch: int | None) -> dict[str, Any]:
    """What the worker is to do, as plain data. Raises the kinds of `bootstrap`."""
    if os.geteuid() != 0:
        raise Denied(f"bootstrapping {request.image} needs root", hint="run it with sudo")
    program = shutil.which("debootstrap", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise Unavailable("debootstrap is not installed", hint="apt-get install debootstrap")
    _check_suite(distribution, suite)
    sources = aptsources.configured()
    mirror = request.mirror or aptsources.mirror_of(sources, distribution, suite)
    if not mirror:
        raise Invalid(
            f"this machine's apt knows no mirror of {distribution}",
            hint="name one with --mirror URL",
        )
    keyring, package = _KEYRINGS[distribution]
    if not os.path.exists(keyring):
        raise Unavailable(
            f"the keys that {distribution}'s packages are signed with are missing: {keyring}",
            hint=f"apt-get install {package}",
        )
    command = [program, "--variant=minbase", f"--keyring={keyring}", "--force-check-gpg"]
    if distribution == "ubuntu":
        command.append("--components=main,universe")
    if request.cache:
        os.makedirs(request.cache, exist_ok=True)
        command.append(f"--cache-dir={os.path.abspath(request.cache)}")
    return {
        "command": command,
        "suite": suite,
        "mirror": mirror,
        "environment": {"PATH": _PATH, "LC_ALL": "C", **_proxy_environment()},
        "sources": _sources_list(request, distribution, suite, mirror, sources),
        "epoch": epoch,
    }


def _check_suite(distribution: str, suite: str) -> None:
    if "/" in suite or not os.path.exists(os.path.join(_SCRIPTS, suite)):
        raise Invalid(
            f"debootstrap knows no suite {suite!r} of {distribution}",
            hint=f"see {_SCRIPTS} for those it knows",
        )


def _proxy_environment() -> Mapping[str, str]:
    """The caller's own proxy variables, else apt's."""
    names = ("http_proxy", "https_proxy", "no_proxy")
    own = {name: os.environ[name] for name in names if os.environ.get(name)}
    return own or aptsources.proxies()


def _sources_list(
    request: Bootstrap,
    distribution: str,
    suite: str,
    mirror: str,
    sources: list[aptsources.Source],
) -> str:
    """The image's own sources: the same mirror, with its updates as this machine has them."""
    places = [(mirror, suite)]
    if not request.mirror:
        places += aptsources.companions(sources, suite)
    components = _COMPONENTS[distribution]
    return "".join(f"deb {uri} {name} {components}\n" for uri, name in places)


@dataclass(frozen=True, slots=True)
class _Layer:
    """The root file system's tar in an unlinked file, its diffID and length."""

    file: IO[bytes]
    diff_id: str
    size: int


def _spooled(portions: Iterable[bytes]) -> _Layer:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - `_archive` closes it
    hashed = hashlib.sha256()
    size = 0
    for portion in portions:
        hashed.update(portion)
        size += file.write(portion)
    return _Layer(file, f"sha256:{hashed.hexdigest()}", size)


def _run_worker(job: dict[str, Any], report: Callable[[str], None]) -> _Layer:
    paths = ":".join(os.path.abspath(path) for path in sys.path if path)
    command = [sys.executable, "-IS", "-c", _BOOT, paths, marshal.dumps(job, 2).hex()]
    lines: list[str] = []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/"
    ) as worker:
        try:
            listener = threading.Thread(target=_listen, args=(worker.stderr, lines, report))
            listener.start()
            layer = _spooled(_portions(worker.stdout))
            listener.join()
        except BaseException:
            worker.kill()
            raise
    if worker.returncode:
        raise Unavailable(
            f"debootstrap of {job['suite']} from {job['mirror']} failed: {_cause(lines)}",
            hint="is the mirror right and reachable? --mirror URL names another",
        )
    return layer


def _portions(pipe: IO[bytes] | None) -> Iterator[bytes]:
    assert pipe is not None
    while data := pipe.read(_CHUNK):
        yield data


def _listen(pipe: IO[bytes], lines: list[str], report: Callable[[str], None]) -> None:
    for line in pipe:
        text = line.decode("utf-8", "replace").rstrip()
        lines.append(text)
        report(text)


def _cause(lines: list[str]) -> str:
    """debootstrap's error lines begin with E:."""
    errors = [line for line in lines if line.startswith("E:")]
    return (errors or lines or ["no message"])[-1].removeprefix("E: ")


def _config(layer: _Layer, command: list[str], epoch: int | None, image: str) -> bytes:
    host = platform.of_machine(os.uname().machine)
    created = instant.format(epoch * 10**9 if epoch is not None else time.time_ns())
    document: dict[str, Any] = {"architecture": host.architecture}
    if host.variant:
        document["variant"] = host.variant
    document |= {
        "config": {"Cmd": command, "Env": [f"PATH={_PATH}"]},
        "created": created,
        "history": [{"created": created, "created_by": f"wherry image bootstrap {image}"}],
        "os": host.os,
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
    }
    return documents.encode(document)


def _archive(layer: _Layer, config: bytes, name: reference.Reference) -> Iterator[bytes]:
    """A docker-archive of the one image; the layer's file is closed at the end."""
    with layer.file as file:
        file.seek(0)
        yield from save.single(config, layer.diff_id, layer.size, _portions(file), name)
