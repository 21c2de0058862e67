"""The API over TCP: TLS with verified clients, refusals, and who may use the unix socket."""

from __future__ import annotations

import grp
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.authority import Authority
from tests.conftest import running
from tests.engines import Engine, why_not

DATA = os.urandom(2_000_000)
VERIFIED = "DOCKER_TLS_VERIFY"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("authority") / "ours")
    made.sign("server", "serverAuth")
    made.sign("client", "clientAuth")
    return made


@pytest.fixture(scope="module")
def port() -> int:
    """A port of loopback that nobody has; below the ephemeral ones, so that nobody gets it."""
    for candidate in range(20000 + os.getpid() % 10000, 32000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return candidate
    pytest.fail("no port is free")


@pytest.fixture(scope="module")
def secured(authority: Authority, port: int) -> Iterator[Engine]:
    folder = authority.folder
    words = [
        f"--host=tcp://127.0.0.1:{port}",
        "--tlsverify",
        f"--tlscacert={folder}/ca.pem",
        f"--tlscert={folder}/server.pem",
        f"--tlskey={folder}/server.key",
    ]
    with running("wherry", words) as engine:
        yield engine


@pytest.fixture(scope="module")
def certificates(authority: Authority) -> Path:
    return authority.client_folder("client")


@pytest.fixture(params=["docker", "wherry"])
def client(request: pytest.FixtureRequest) -> list[str]:
    """Docker's command line and ours."""
    if request.param == "docker":
        return ["docker"]
    return [sys.executable, "-I", "-c", "from wherry.cli.main import main; main()"]


def _environment(engine: Engine, port: int, certificates: Path) -> dict[str, str]:
    return engine.environment | {
        "DOCKER_HOST": f"tcp://127.0.0.1:{port}",
        "DOCKER_CERT_PATH": str(certificates),
        VERIFIED: "1",
    }


def _run(
    command: list[str], environment: dict[str, str], stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command, env=environment, input=stdin, capture_output=True, timeout=120, check=False
    )


def test_run_and_exec(client: list[str], secured: Engine, port: int, certificates: Path) -> None:
    environment = _environment(secured, port, certificates)
    words = [*client, "run", "--rm", "-i", "busybox", "cat"]
    done = _run(words, environment, DATA)
    assert (done.returncode, done.stdout == DATA) == (0, True), done.stderr
    name = secured.output("run", "-d", "busybox", "sleep", "1000")
    try:
        # wc answers only when its input has ended: the half-closed direction.
        done = _run([*client, "exec", "-i", name, "wc", "-c"], environment, DATA)
        assert (done.returncode, done.stdout.strip()) == (0, b"2000000"), done.stderr
        done = _run([*client, "exec", name, "sh", "-c", "echo no >&2; exit 7"], environment)
        assert (done.returncode, done.stderr) == (7, b"no\n")
    finally:
        secured.output("rm", "-f", name)


def test_logs_that_follow(
    client: list[str], secured: Engine, port: int, certificates: Path
) -> None:
    name = secured.output(
        "run", "-d", "busybox", "sh", "-c", "echo one; while ! test -e /go; do sleep 0.05; done"
        "; echo two",
    )  # fmt: skip
    try:
        with subprocess.Popen(
            [*client, "logs", "-f", name],
            env=_environment(secured, port, certificates),
            stdout=subprocess.PIPE,
        ) as following:
            assert following.stdout is not None
            assert following.stdout.readline() == b"one\n"
            secured.output("exec", name, "touch", "/go")
            assert following.stdout.read() == b"two\n"
        assert following.returncode == 0
    finally:
        secured.output("rm", "-f", name)


def test_flags_of_the_command_line(
    client: list[str], secured: Engine, port: int, authority: Authority
) -> None:
    folder = authority.folder
    words = [
        "-H", f"tcp://127.0.0.1:{port}", "--tlsverify", f"--tlscacert={folder}/ca.pem",
        f"--tlscert={folder}/client.pem", f"--tlskey={folder}/client.key",
    ]  # fmt: skip
    environment = {k: v for k, v in secured.environment.items() if k != "DOCKER_HOST"}
    done = _run([*client, *words, "version", "--format", "{{.Server.Os}}"], environment)
    assert (done.returncode, done.stdout) == (0, b"linux\n"), done.stderr


def test_bad_certificates_are_refused(
    client: list[str], secured: Engine, port: int, certificates: Path, tmp_path: Path
) -> None:
    foreign = Authority(tmp_path / "foreign")
    foreign.sign("client", "clientAuth")
    theirs = foreign.client_folder("client")
    environment = _environment(secured, port, theirs)
    done = _run([*client, "ps"], environment)
    assert done.returncode != 0
    assert b"verify" in done.stderr, done.stderr  # the daemon is not of that authority
    (theirs / "ca.pem").write_bytes((certificates / "ca.pem").read_bytes())
    done = _run([*client, "ps"], environment)
    assert done.returncode != 0
    assert b"tls" in done.stderr, done.stderr  # nor are we
    nobody = tmp_path / "nobody"
    nobody.mkdir()
    (nobody / "ca.pem").write_bytes((certificates / "ca.pem").read_bytes())
    done = _run([*client, "ps"], environment | {"DOCKER_CERT_PATH": str(nobody)})
    assert done.returncode != 0
    assert b"certificate" in done.stderr, done.stderr
    plain = {k: v for k, v in environment.items() if k != VERIFIED}
    done = _run([*client, "ps"], plain)
    assert done.returncode != 0
    assert b"HTTP request to an HTTPS server" in done.stderr, done.stderr


def test_info_does_not_warn(secured: Engine) -> None:
    assert "API is accessible" not in secured.output("info")


def _daemon(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable, "-m", "wherry.daemon", f"--data-root={root}/data",
            f"--exec-root={root}/exec", f"--pidfile={root}/pid", *words,
        ],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.skipif(why_not("wherry") is not None, reason="engines need root")
@pytest.mark.parametrize("manner", [[], ["--tls"]])
def test_other_machines_need_a_word(manner: list[str], tmp_path: Path) -> None:
    done = _daemon(tmp_path, "--host=tcp://0.0.0.0:0", *manner)
    assert done.returncode == 1
    assert "will not listen on tcp://0.0.0.0:0" in done.stderr
    assert "--tlsverify" in done.stderr
    assert "--insecure-tcp" in done.stderr


@pytest.mark.skipif(why_not("wherry") is not None, reason="engines need root")
def test_files_that_do_not_serve(tmp_path: Path) -> None:
    done = _daemon(tmp_path, "--host=tcp://127.0.0.1:0", "--tlsverify", "--tlscert=/nope.pem")
    assert done.returncode == 1
    assert "cannot use the TLS files /nope.pem" in done.stderr


def test_insecure_on_purpose(port: int) -> None:
    with running(
        "wherry", [f"--host=tcp://0.0.0.0:{port + 1}", "--insecure-tcp"], own_network=True
    ) as engine:
        assert f"listening on tcp://0.0.0.0:{port + 1} without TLS" in engine.last_words()
        told = engine.docker("info").stderr.decode()
        assert f"API is accessible on http://0.0.0.0:{port + 1} without encryption" in told


def test_the_socket_is_of_group_docker(wherry: Engine) -> None:
    """As dockerd's: root and its group read and write, nobody else."""
    found = os.stat(wherry.socket)
    try:
        group = grp.getgrnam("docker").gr_gid
    except KeyError:
        group = 0
    assert stat.S_IMODE(found.st_mode) == 0o660
    assert (found.st_uid, found.st_gid) == (0, group)


def test_nothing_listens_for_containers_by_default(networked_wherry: Engine) -> None:
    """CVE-2025-9074: an API on TCP that containers reached. Without -H tcp:// there is none."""
    listening = networked_wherry.in_network("ss", "-Hltn")
    daemon = networked_wherry.daemon
    assert daemon is not None
    owned = networked_wherry.in_network("ss", "-Hltnp")
    assert f"pid={daemon.pid}," not in owned, listening
    gateway = networked_wherry.output(
        "network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge"
    )
    for port in (2375, 2376):
        done = networked_wherry.docker(
            "run", "--rm", "busybox", "nc", "-w", "5", gateway, str(port), stdin=b"GET /_ping\r\n"
        )
        assert done.returncode != 0


def _served(port: int) -> bytes:
    """The certificate that the daemon shows, to whoever asks."""
    return ssl.get_server_certificate(("127.0.0.1", port)).encode()


def test_renewed_certificates_are_read_again(
    client: list[str], authority: Authority, port: int, certificates: Path, tmp_path: Path
) -> None:
    """SIGHUP: new connections get the new one; bad files change nothing, an open stream goes on."""
    chosen = port + 1000
    for name in ("pem", "key"):
        (tmp_path / f"server.{name}").write_bytes(
            (authority.folder / f"server.{name}").read_bytes()
        )
    words = [
        f"--host=tcp://127.0.0.1:{chosen}",
        "--tlsverify",
        f"--tlscacert={authority.folder}/ca.pem",
        f"--tlscert={tmp_path}/server.pem",
        f"--tlskey={tmp_path}/server.key",
    ]
    authority.sign("renewed", "serverAuth")
    with running("wherry", words) as engine:
        assert engine.daemon is not None
        environment = _environment(engine, chosen, certificates)
        following = subprocess.Popen(
            [*client, "events"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        first = _served(chosen)
        (tmp_path / "server.pem").write_text("not a certificate")
        engine.daemon.send_signal(signal.SIGHUP)
        _until(lambda: "were not read again" in engine.log.read_text())
        assert _served(chosen) == first
        for name in ("pem", "key"):
            source = authority.folder / f"renewed.{name}"
            (tmp_path / f"server.{name}").write_bytes(source.read_bytes())
        engine.daemon.send_signal(signal.SIGHUP)
        _until(lambda: "files were read again" in engine.log.read_text())
        assert _served(chosen) != first
        assert _run([*client, "version"], environment).returncode == 0
        assert following.poll() is None
        following.kill()
        following.communicate()


def _until(true: Callable[[], bool]) -> None:
    limit = time.monotonic() + 30
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.02)
