"""Which TCP addresses the daemon opens, and to whom."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from tests.authority import Authority
from wherry.daemon import listening, options
from wherry.daemon.listening import Address
from wherry.daemon.tlssettings import TlsSettings
from wherry.errors import Invalid

FAR = Address("tcp", host="0.0.0.0", port=1)
NEAR = [Address("tcp", host=name, port=1) for name in ("127.0.0.1", "127.8.8.8", "::1")]


def test_flags_and_keys_are_docker_s() -> None:
    by_flags = options.read(
        ["--tlsverify", "--tlscacert=/a", "--tlscert=/c", "--tlskey=/k"]
    ).tls_settings()
    by_file = options.combine(
        {}, {"tlsverify": True, "tlscacert": "/a", "tlscert": "/c", "tlskey": "/k"}
    ).tls_settings()
    assert by_flags == by_file == TlsSettings(False, True, "/a", "/c", "/k")
    assert by_flags.encrypted


def test_the_usual_port_is_that_of_tls() -> None:
    assert listening.parse("tcp://", TlsSettings(tls=True)).port == 2376
    assert listening.parse("tcp://", TlsSettings()).port == 2375


@pytest.mark.parametrize("tls", [TlsSettings(), TlsSettings(tls=True)])
def test_no_other_machine_without_a_word(tls: TlsSettings) -> None:
    for address in (FAR, Address("tcp", host="::", port=1), Address("tcp", host="a.b", port=1)):
        with pytest.raises(Invalid) as caught:
            listening.secure([address], tls)
        assert "--tlsverify" in caught.value.hint
        assert "--insecure-tcp" in caught.value.hint


def test_what_is_open_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert listening.secure(NEAR, TlsSettings()) is None
        assert listening.secure([FAR], TlsSettings(insecure_tcp=True)) is None
    assert len(caplog.records) == 4
    assert "tcp://0.0.0.0:1 without TLS" in caplog.records[-1].getMessage()


def test_what_info_says_of_it() -> None:
    assert listening.open_urls([FAR], TlsSettings()) == ("http://0.0.0.0:1",)
    assert listening.open_urls([FAR], TlsSettings(tls=True)) == ("https://0.0.0.0:1",)
    assert listening.open_urls([FAR], TlsSettings(verify=True)) == ()


def test_unix_sockets_need_no_certificate() -> None:
    assert listening.secure([Address("unix", path="/s")], TlsSettings(verify=True)) is None


def test_files_that_serve_and_do_not(tmp_path: Path) -> None:
    ours = Authority(tmp_path / "ours")
    ours.sign("server", "serverAuth")
    folder = str(tmp_path / "ours")
    good = TlsSettings(
        verify=True,
        authority=f"{folder}/ca.pem",
        certificate=f"{folder}/server.pem",
        key=f"{folder}/server.key",
    )
    assert listening.secure([FAR], good) is not None
    mixed = TlsSettings(verify=True, certificate=good.certificate, key=f"{folder}/ca.key")
    with pytest.raises(Invalid, match=r"cannot use the TLS files .*/server.pem"):
        listening.secure([FAR], mixed)


def test_ssl_is_not_imported_for_a_daemon_without_tls() -> None:
    """It costs 4 MB that an idle daemon does not have."""
    code = "import wherry.daemon.lean, wherry.daemon.main, sys; print('ssl' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
