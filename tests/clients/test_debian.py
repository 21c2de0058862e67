"""A real distribution's image, made by debootstrap, does real work."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests import images
from tests.engines import Engine
from tests.terminal import Terminal

IMAGE = "debian:bookworm"


@pytest.fixture(scope="module")
def debian(engine: Engine) -> Iterator[Engine]:
    """The engine with Debian's minimal system as an image."""
    try:
        tree = images.debian_tree()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no Debian tree: {error}")
    settings = ("-c", 'CMD ["bash"]', "-c", "ENV DEBIAN_FRONTEND=noninteractive")
    engine.output("import", *settings, str(tree), IMAGE)
    yield engine
    engine.output("rmi", "-f", IMAGE)


def test_release_and_tools(debian: Engine) -> None:
    release = debian.output("run", "--rm", IMAGE, "cat", "/etc/os-release")
    assert "VERSION_CODENAME=bookworm" in release
    assert debian.output("run", "--rm", IMAGE, "dpkg-query", "-W", "-f", "${Version}", "bash")


def test_setuid_and_ownership_survive_the_import(debian: Engine) -> None:
    script = "stat -c '%a %U %G' /usr/bin/passwd /tmp /var/mail /etc/shadow"
    assert debian.output("run", "--rm", IMAGE, "sh", "-c", script).splitlines() == [
        "4755 root root",
        "1777 root root",
        "2775 root mail",
        "640 root shadow",
    ]


def test_another_user_works_in_it(debian: Engine) -> None:
    script = "useradd -m worker && su worker -c 'cd && touch file && stat -c %U file && id -un'"
    assert debian.output("run", "--rm", IMAGE, "bash", "-c", script) == "worker\nworker"


def test_pipeline_of_programs(debian: Engine) -> None:
    words = b"pear\napple\npear\n"
    script = "sort | uniq -c | sort -rn | awk '{print $2, $1}'"
    done = debian.docker("run", "--rm", "-i", IMAGE, "bash", "-c", script, stdin=words)
    assert done.stdout == b"pear 2\napple 1\n"


def test_interactive_bash(debian: Engine) -> None:
    command = ["docker", "run", "-it", "--rm", "-h", "box", IMAGE]
    with Terminal(command, debian.environment) as terminal:
        terminal.expect(r"root@box:/# ")
        terminal.send("sleep 100 & jobs; kill %1\n")
        terminal.expect(r"Running.*root@box:/# ")
        terminal.send("echo $((6*7)); exit 4\n")
        terminal.expect(r"42\r\n")
        assert terminal.end() == 4


PACKAGE = """
set -e
mkdir -p /p/DEBIAN /p/usr/local/bin
printf 'Package: made\nVersion: 1\nArchitecture: all\nMaintainer: x <x@y>\nDescription: d\n' \
    > /p/DEBIAN/control
printf '#!/bin/sh\nadduser --system --quiet --group made\n' > /p/DEBIAN/postinst
printf '#!/bin/sh\nid -un made\n' > /p/usr/local/bin/made
chmod 755 /p/DEBIAN/postinst /p/usr/local/bin/made
dpkg-deb --build /p /made.deb > /dev/null
dpkg -i /made.deb > /dev/null
made
"""


def test_package_is_built_installed_and_run(debian: Engine) -> None:
    """dpkg does its whole work: build, unpack, maintainer script, new user, program."""
    assert debian.output("run", "--rm", IMAGE, "sh", "-c", PACKAGE) == "made"
