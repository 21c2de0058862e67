"""Mirrors out of apt's configuration."""

from __future__ import annotations

from pathlib import Path

from wherry.image import aptsources

LIST = """\
# deb http://commented.example/debian bookworm main
deb [signed-by=/x arch=amd64] http://one.example/debian/ bookworm main contrib  # why
deb-src http://one.example/debian bookworm main
deb cdrom:[Debian]/ bookworm main
"""
DEB822 = """\
Types: deb deb-src
URIs: http://two.example/debian
# a comment
Suites: trixie
 trixie-updates
Components: main

Types: deb
URIs: http://security.example/debian-security
Suites: trixie-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: sid
Components: main
"""


def configured(tmp_path: Path) -> list[aptsources.Source]:
    (tmp_path / "sources.list").write_text(LIST)
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "debian.sources").write_text(DEB822)
    (tmp_path / "sources.list.d" / "notes.txt").write_text(LIST)
    return aptsources.configured(str(tmp_path))


def test_both_forms_are_read(tmp_path: Path) -> None:
    assert configured(tmp_path) == [
        aptsources.Source("http://one.example/debian", ("bookworm",), ("main", "contrib")),
        aptsources.Source("http://two.example/debian", ("trixie", "trixie-updates"), ("main",)),
        aptsources.Source(
            "http://security.example/debian-security", ("trixie-security",), ("main",)
        ),
    ]


def test_the_mirror_of_a_suite_then_of_its_distribution(tmp_path: Path) -> None:
    sources = configured(tmp_path)
    assert aptsources.mirror_of(sources, "debian", "trixie") == "http://two.example/debian"
    assert aptsources.mirror_of(sources, "debian", "sid") == "http://one.example/debian"
    assert aptsources.mirror_of(sources, "ubuntu", "jammy") == ""


def test_updates_and_security_go_with_a_suite(tmp_path: Path) -> None:
    assert aptsources.companions(configured(tmp_path), "trixie") == [
        ("http://two.example/debian", "trixie-updates"),
        ("http://security.example/debian-security", "trixie-security"),
    ]


def test_no_configuration(tmp_path: Path) -> None:
    assert aptsources.configured(str(tmp_path / "nowhere")) == []
