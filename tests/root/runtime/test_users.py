"""Who the process is, by the image's own files."""

from __future__ import annotations

import pytest

from tests.root.runtime.driver import Driver, spec

SCRIPT = "echo $(id -u) $(id -g) $(id -G) $HOME"


@pytest.mark.parametrize(
    ("user", "groups", "expected"),
    [
        ("ann", (), "1234 1235 1235 29 /home/ann"),
        ("1234", (), "1234 1235 1235 29 /home/ann"),
        ("ann:video", (), "1234 44 44 /home/ann"),
        ("ann:77", (), "1234 77 77 /home/ann"),
        ("777", (), "777 0 0 /"),
        ("777:audio", ("video", "99"), "777 29 29 44 99 /"),
        ("", (), "0 0 0 /root"),
        ("", ("audio",), "0 0 0 29 /root"),
    ],
)
def test_ids_groups_and_home(
    driver: Driver, user: str, groups: tuple[str, ...], expected: str
) -> None:
    result = driver.run(spec("sh", "-c", SCRIPT), user=user, groups=groups)
    assert result.output.strip() == expected, result


def test_numbers_of_the_spec_and_a_given_home(driver: Driver) -> None:
    process = {"user": {"uid": 5, "gid": 6, "additionalGids": [7]}}
    env = ["PATH=/bin", "HOME=/tmp"]
    assert driver.run(spec("sh", "-c", SCRIPT, **process)).output == "5 6 6 7 /\n"
    assert driver.run(spec("sh", "-c", SCRIPT, env=env, **process)).output == "5 6 6 7 /tmp\n"


def test_an_image_without_passwd(driver: Driver) -> None:
    (driver.rootfs / "etc/passwd").unlink()
    assert driver.run(spec("sh", "-c", SCRIPT), user="12:13").output == "12 13 13 /\n"
    assert "unable to find user ann" in driver.run(spec("true"), user="ann").error["text"]


def test_hostile_passwd_is_not_followed_out(driver: Driver) -> None:
    passwd = driver.rootfs / "etc/passwd"
    passwd.unlink()
    passwd.symlink_to("/proc/self/fd/0")
    assert driver.run(spec("true"), user="5").error["step"] == "user"
    passwd.unlink()
    passwd.mkdir()
    assert driver.run(spec("sh", "-c", SCRIPT), user="5").output == "5 0 0 /\n"


def test_streams_belong_to_the_user(driver: Driver) -> None:
    script = "echo again > /proc/self/fd/1; stat -L -c %u /proc/self/fd/1"
    assert driver.run(spec("sh", "-c", script), user="ann").output == "again\n1234\n"
